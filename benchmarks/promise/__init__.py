"""The bars on many concepts at once: ``python -m benchmarks.promise``, which prints the table.

Six objects, six styles and sixteen objects erased at once; each given back while the others stay erased; one that
comes late, by re-projection; groups optimised jointly; all 33 concepts of the demo model registered, each erased alone
and in twelve random sets of six; all of them in one mask. Held-out wordings, the judge, 12 DDIM steps. Every cell has
at least 40 pictures unless ``--quick``. Finished cases lie in ``docs/measured``, those that are quick or of other
settings in ``build/promise``; they are measured again only where the defaults have changed, or with ``--fresh``.
``--settings '{"variant": "published"}'`` measures the published variant.
"""
