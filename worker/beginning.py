"""How work on a job begins in the log."""

import logging

from sepme_core import logs
from sepme_core.registry import jobs
from worker.process import WorkerProcess

logger = logging.getLogger(__name__)


def say_begin(worker: WorkerProcess, claim: jobs.Claim) -> None:
    """Say that a job is begun; what it says, only where the operator wants that known."""
    logger.info("Job %s: %s, attempt %d.", claim.job_id, claim.kind, claim.attempt)
    if worker.settings.log_prompts:
        logger.info("Job %s says: %s", claim.job_id, logs.words_of(claim.request))
