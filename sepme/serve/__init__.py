"""`sepme serve`: one process that supervises a broker, two workers and the HTTP front end.

Read in this order: `run` (the course of it), `plan` (which processes, started how), `supervisor` (keeps them alive,
ends them in order), `child` (one process and its log), `pid_files` with `identity` (how a later run finds what a killed
one left behind), `broker`, `readiness`, `greeting`.
"""
