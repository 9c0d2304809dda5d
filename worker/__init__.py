"""The Celery workers: one process for each queue, with the model loaded once and kept.

A task carries nothing: a ring means "look". Read in this order: `application` (Celery and its signals), `work` (from a
ring to the end of a job), `lease` (what keeps two workers off one job), `erase`, `reproject`, `protect` and `generate`
(the kinds of work), `process` (what a worker process keeps).
"""

import os
import sys

from sepme_core.extras import worker_lacking

if lacking := worker_lacking():  # said here, before a module of this package fails to import it
    print(f"sepme: {lacking}", file=sys.__stderr__, flush=True)
    raise SystemExit(os.EX_CONFIG)

# Before it is imported: it would speak of parts that these models have no use for, and before anything can log.
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
