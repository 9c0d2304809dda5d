"""Faults on a service that is used: ``python -m benchmarks.chaos``, or ``make chaos``.

Starts the service with the demo model on a throw-away folder, in both its forms: ``sepme serve`` with all that it
embeds; and two front ends, two workers a queue, PostgreSQL and a broker on TCP, kept alive one by one as a container
runtime does. Clients ask it for pictures, erasures, restores and purges. Meanwhile its parts are killed or stopped,
connections are cut, the database is locked and the disk is filled, in an order that a seed decides. When all is quiet
every answer is held against what is there: what was accepted must have ended, once, with the pixels and the digests
that it would have had.
"""
