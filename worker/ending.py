"""How work on a job ends: what its row says then, by what the work raised."""

import logging
from collections.abc import Sequence

from sepme_core.documents.answers import ProblemDocument
from sepme_core.drawing.request import Picture
from sepme_core.erasure import ErasureRefused
from sepme_core.registry import jobs
from worker import problems
from worker.lease import Cancelled, GaveWay, LeaseLost, PutBack
from worker.process import WorkerProcess
from worker.signing import store_evidence
from worker.trouble import MOST_PUT_BACK, insist, is_trouble, is_usable, pause_after, said, wait_out

logger = logging.getLogger(__name__)


def end(worker: WorkerProcess, claim: jobs.Claim, error: Exception | None = None) -> float | None:
    """Say on its row how a job ended: well, or by what its work raised.

    Returns:
        For how many seconds to leave alone what the work stands on; None where that is sound.
    """
    if error is None:
        logger.info("Job %s is done.", claim.job_id)
    elif isinstance(error, Cancelled):
        logger.info("Job %s was cancelled.", claim.job_id)
        insist(worker.engine, lambda session: jobs.finish_cancelled(session, claim))
    elif isinstance(error, PutBack):
        logger.info("Job %s is put back: this worker is stopping.", claim.job_id)
        insist(worker.engine, lambda session: jobs.release(session, claim))
    elif isinstance(error, GaveWay):
        logger.info("Job %s gives way to others, and is to be done anew after them.", claim.job_id)
        insist(worker.engine, lambda session: jobs.give_way(session, claim))
    elif isinstance(error, LeaseLost):
        logger.warning("Job %s: attempt %d is void; what it made is dropped.", claim.job_id, claim.attempt)
    elif is_trouble(error):
        return _put_back(worker, claim, error)
    else:
        _fail_by(worker, claim, error)
    return None


def pause(worker: WorkerProcess, seconds: float) -> None:
    """Wait so long, or until the database and the blob store are usable again."""
    wait_out(worker.drain, seconds, lambda: is_usable(worker.engine, worker.blobs))


def _put_back(worker: WorkerProcess, claim: jobs.Claim, error: Exception) -> float | None:
    """Leave it to a later attempt, its own or another worker's; at last give it up."""
    reason = said(error)
    troubles = insist(worker.engine, lambda session: jobs.put_back_for_trouble(session, claim, reason, MOST_PUT_BACK))
    if troubles is None:
        logger.error("Job %s is given up, after %d times: %s", claim.job_id, MOST_PUT_BACK, reason)
        _fail(worker, claim, problems.of_trouble(reason, MOST_PUT_BACK))
        return None
    logger.warning("Job %s is put back: %s", claim.job_id, reason)
    return pause_after(troubles)


def _fail_by(worker: WorkerProcess, claim: jobs.Claim, error: Exception) -> None:
    if isinstance(error, problems.Refused):
        _say_refused(claim, error.document["type"].rsplit("/", 1)[-1])
        _fail(worker, claim, error.document)
    elif isinstance(error, ErasureRefused):
        _say_refused(claim, error.code)
        address = f"http://{worker.settings.host}:{worker.settings.port}"
        _fail(worker, claim, problems.of_refusal(error, claim.request, address), error.pictures)
    else:
        document = problems.of_incident()
        logger.error("Job %s: incident %s", claim.job_id, document["incident"], exc_info=error)
        _fail(worker, claim, document)


def _say_refused(claim: jobs.Claim, kind: str) -> None:
    """By its kind alone: the detail may quote a part of what was asked for. The job has it."""
    logger.info("Job %s is refused: %s.", claim.job_id, kind)


def _fail(
    worker: WorkerProcess, claim: jobs.Claim, document: ProblemDocument, pictures: Sequence[Picture] = ()
) -> None:
    try:
        stored = store_evidence(worker, pictures, claim.job_id)
    except problems.Refused as unsigned:  # why the job failed is to be said all the same
        stored = []
        document = {**document, "detail": f"{document['detail']} Its pictures are left out. {unsigned}"}
    insist(worker.engine, lambda session: jobs.fail(session, claim, document, stored))
