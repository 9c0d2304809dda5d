"""The Celery workers: one process for each queue, with the model loaded once and kept.

A task carries a job's id and nothing else. Read in this order: `application` (Celery and its signals), `work` (from a
ring to the end of a job), `lease` (what keeps two workers off one job), `erase`, `reproject` and `generate` (the kinds
of work), `worker` (what a process keeps).
"""
