"""From a ring to the end of a job: claim the row, do the work, and say on the row how it ended."""

import logging
from collections.abc import Callable, Mapping, Sequence

from sepme_core.erasure import ErasureRefused
from sepme_core.generation import Picture
from sepme_core.registry import jobs
from sepme_core.registry.database import writing
from worker import erase, generate, problems, protect, reproject
from worker.lease import Cancelled, GaveWay, Lease, LeaseLost, PutBack
from worker.resident import Resident
from worker.storing import store_picture

logger = logging.getLogger(__name__)

WORK: Mapping[str, Callable[[Resident, Lease], None]] = {
    "erase": erase.run,
    "protect": protect.run,
    "reproject": reproject.run,
    "generate": generate.run,
}


def answer(resident: Resident, job_id: str) -> None:
    """Answer a ring. One for a job that is over, or that another worker holds, is nothing unusual and does nothing.

    One for a re-projection is answered with an erasure that waits, if any; the re-projection is then among `waiting`.
    """
    if resident.drain.begun:
        return
    with writing(resident.engine) as session:
        seconds = resident.settings.lease_seconds
        first = jobs.first_in_turn(session, job_id)
        claim = jobs.claim(session, first, worker=resident.name, lease_seconds=seconds)
    if claim is None:
        logger.info("Job %s is not to be done any more, or is being done.", first)
        return
    logger.info("Job %s: %s, attempt %d.", claim.job_id, claim.kind, claim.attempt)
    with Lease(resident.engine, claim, seconds=seconds, drain=resident.drain) as lease:
        _do(resident, lease)


def waiting(resident: Resident) -> list[tuple[str, str]]:
    """The jobs, (id, queue), that nobody has rung for: made by the way of others, or put back. Marks them as rung."""
    with writing(resident.engine) as session:
        return jobs.never_rung(session)


def _do(resident: Resident, lease: Lease) -> None:
    claim = lease.claim
    try:
        WORK[claim.kind](resident, lease)
    except Cancelled:
        logger.info("Job %s was cancelled.", claim.job_id)
        with writing(resident.engine) as session:
            jobs.finish_cancelled(session, claim)
    except PutBack:
        logger.info("Job %s is put back: this worker is stopping.", claim.job_id)
        with writing(resident.engine) as session:
            jobs.release(session, claim)
    except GaveWay:
        logger.info("Job %s gives way to others, and is to be done anew after them.", claim.job_id)
        with writing(resident.engine) as session:
            jobs.give_way(session, claim)
    except LeaseLost:
        logger.warning("Job %s: attempt %d is void; what it made is dropped.", claim.job_id, claim.attempt)
    except problems.Refused as refusal:
        logger.info("Job %s: %s", claim.job_id, refusal)
        _fail(resident, claim, refusal.document)
    except ErasureRefused as refusal:
        logger.info("Job %s: %s", claim.job_id, refusal)
        address = f"http://{resident.settings.host}:{resident.settings.port}"
        _fail(resident, claim, problems.of_refusal(refusal, claim.request, address), refusal.pictures)
    except Exception:
        document = problems.of_incident()
        logger.exception("Job %s: incident %s", claim.job_id, document["incident"])
        _fail(resident, claim, document)
    else:
        logger.info("Job %s is done.", claim.job_id)


def _fail(resident: Resident, claim: jobs.Claim, document: problems.Document, pictures: Sequence[Picture] = ()) -> None:
    stored = [store_picture(resident.blobs, picture) for picture in pictures]
    with writing(resident.engine) as session:
        jobs.fail(session, claim, document, stored)
