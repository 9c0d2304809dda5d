"""The bars on many concepts at once: ``python -m benchmarks.promise``, which prints the table.

All 33 concepts of the demo model are known throughout; pictures are asked for in twelve wordings that nothing is solved
with, and the judge says what they show. In one mask: six objects, six styles, three of each, sixteen objects, all 33,
and the first two again from the paper's start w = 0. Two names for one thing, in both orders (the service decides on
what is asked for at once in the order it came). Each concept given back while the others stay erased: known before they
were, or after. The leak on other wordings against what certificates say of it. The empty mask.

Sets and wordings were fixed before anything was tuned. Cells have at least 40 pictures unless ``--quick``. Several
processes may run at once, and share the cases: each takes the next that no other has begun. Finished cases lie in
``docs/measured``, those that are quick or of other settings in ``build/promise`` with all that cases have in common;
they are measured again where settings, method, base or judge are others, or with ``--fresh``.
"""
