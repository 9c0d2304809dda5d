"""Faults on a service that is used: ``python -m benchmarks.chaos``, or ``make chaos``.

Starts ``sepme serve`` with the demo model on a throw-away state folder and lets clients ask it for pictures, erasures,
restores and purges. Meanwhile workers, the broker, the front end and the supervisor are killed or stopped, and the
database is locked, in an order that a seed decides. When all is quiet every answer is held against what is there: what
was accepted must have ended, once, with the pixels and the digests that it would have had.
"""
