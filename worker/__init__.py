"""The Celery workers: one process for each queue, with the model loaded once and kept.

A task carries nothing: a ring means "look". Read in this order: `application` (Celery and its signals), `work` (from a
ring to the end of a job), `lease` (what keeps two workers off one job), `erase`, `reproject`, `protect` and `generate`
(the kinds of work), `process` (what a worker process keeps).
"""
