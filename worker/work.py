"""From a look at the queue to the end of a job: claim it, do the work, say how it ended; between jobs look ahead."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence

from sepme_core.documents.answers import ProblemDocument
from sepme_core.drawing.request import Picture
from sepme_core.erasure import ErasureRefused
from sepme_core.registry import jobs
from sepme_core.registry.database import writing
from worker import erase, generate, problems, protect, reproject
from worker.lease import Cancelled, GaveWay, Lease, LeaseLost, PutBack
from worker.process import WorkerProcess, store_picture
from worker.trouble import MOST_PUT_BACK, insist, is_trouble, is_usable, pause_after, said, wait_out

logger = logging.getLogger(__name__)
WORK: Mapping[str, Callable[[WorkerProcess, Lease], None]] = {
    "erase": erase.run,
    "protect": protect.run,
    "reproject": reproject.run,
    "generate": generate.run,
}


def do_next(worker: WorkerProcess, pass_on: Callable[[], None]) -> bool:
    """Claim the job whose turn it is in this worker's queue, and do it. False where nothing is to be done here.

    ``pass_on`` is called where more waits: another worker may be idle.
    """
    if worker.drain.begun:
        return False
    claimant = jobs.Claimant(worker.name, worker.queue, worker.base.digest, worker.settings.job_attempts)
    with writing(worker.engine) as session:
        job_id = jobs.next_in_turn(session, claimant)
        if job_id is None:
            return False
        claim = jobs.claim(session, job_id, worker=worker.name, lease_seconds=worker.settings.lease_seconds)
        more_waits = jobs.waits(session, claimant)
    if claim is None:
        return False
    if more_waits:
        pass_on()
    do(worker, claim)
    return True


def do(worker: WorkerProcess, claim: jobs.Claim) -> None:
    """Do a job that was claimed, and say how it ended."""
    logger.info("Job %s: %s, attempt %d.", claim.job_id, claim.kind, claim.attempt)
    settings = worker.settings
    with Lease(
        worker.engine,
        claim,
        seconds=settings.lease_seconds,
        drain=worker.drain,
        hang_seconds=settings.hang_seconds,
    ) as lease:
        _do(worker, lease)


def _do(worker: WorkerProcess, lease: Lease) -> None:
    claim = lease.claim
    try:
        WORK[claim.kind](worker, lease)
    except Cancelled:
        logger.info("Job %s was cancelled.", claim.job_id)
        insist(worker.engine, lambda session: jobs.finish_cancelled(session, claim))
    except PutBack:
        logger.info("Job %s is put back: this worker is stopping.", claim.job_id)
        insist(worker.engine, lambda session: jobs.release(session, claim))
    except GaveWay:
        logger.info("Job %s gives way to others, and is to be done anew after them.", claim.job_id)
        insist(worker.engine, lambda session: jobs.give_way(session, claim))
    except LeaseLost:
        logger.warning("Job %s: attempt %d is void; what it made is dropped.", claim.job_id, claim.attempt)
    except problems.Refused as refusal:
        logger.info("Job %s: %s", claim.job_id, refusal)
        _fail(worker, claim, refusal.document)
    except ErasureRefused as refusal:
        logger.info("Job %s: %s", claim.job_id, refusal)
        address = f"http://{worker.settings.host}:{worker.settings.port}"
        _fail(worker, claim, problems.of_refusal(refusal, claim.request, address), refusal.pictures)
    except Exception as error:
        if is_trouble(error):
            _put_back(worker, claim, error)
            return
        document = problems.of_incident()
        logger.exception("Job %s: incident %s", claim.job_id, document["incident"])
        _fail(worker, claim, document)
    else:
        logger.info("Job %s is done.", claim.job_id)


def _put_back(worker: WorkerProcess, claim: jobs.Claim, error: Exception) -> None:
    """Leave it to a later attempt, its own or another worker's, and wait a little; at last give it up."""
    reason = said(error)
    troubles = insist(worker.engine, lambda session: jobs.put_back_for_trouble(session, claim, reason, MOST_PUT_BACK))
    if troubles is None:
        logger.error("Job %s is given up, after %d times: %s", claim.job_id, MOST_PUT_BACK, reason)
        _fail(worker, claim, problems.of_trouble(reason, MOST_PUT_BACK))
        return
    logger.warning("Job %s is put back: %s", claim.job_id, reason)
    wait_out(worker.drain, pause_after(troubles), lambda: is_usable(worker.engine, worker.blobs))


def _fail(
    worker: WorkerProcess, claim: jobs.Claim, document: ProblemDocument, pictures: Sequence[Picture] = ()
) -> None:
    stored = [store_picture(worker.blobs, picture) for picture in pictures]
    insist(worker.engine, lambda session: jobs.fail(session, claim, document, stored))


class LookAhead:
    """Work in small pieces, done in a thread between jobs. To be started and stopped from one thread at a time.

    Args:
        pieces: does a piece of the work at every step.
    """

    def __init__(self, pieces: Iterator[None]) -> None:
        self._pieces = pieces
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._done = False

    def start(self) -> None:
        """Begin, or go on where it was left; nothing where all is done."""
        if self._done:
            return
        self._over.clear()
        self._thread = threading.Thread(target=self._work, name="preparation", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Return once the piece under way is done, with nothing under way."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        try:
            while not self._over.is_set():
                next(self._pieces)
        except StopIteration:
            self._done = True
        except Exception:  # the jobs make what is missing, and say what is wrong
            self._done = True
            logger.exception("The worker could not look ahead at what erasures have in common.")
