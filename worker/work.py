"""From a look at the queue to the end of a job: claim it, do the work, say how it ended; between jobs look ahead."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping

from sepme_core.registry import jobs
from sepme_core.registry.database import reading, writing
from worker import ending, erase, protect, reproject
from worker.beginning import say_begin
from worker.lease import Lease, about
from worker.process import WorkerProcess
from worker.running_batch import RunningBatch

logger = logging.getLogger(__name__)
WORK: Mapping[str, Callable[[WorkerProcess, Lease], None]] = {
    "erase": erase.run,
    "protect": protect.run,
    "reproject": reproject.run,
}
"""What is done job by job; pictures are drawn many at once."""


def do_next(worker: WorkerProcess, pass_on: Callable[[], None]) -> bool:
    """Claim the job whose turn it is in this worker's queue, and do it. False where nothing is to be done here.

    While pictures are drawn others are claimed and join them.

    ``pass_on`` is called where more waits: another worker may be idle.
    """
    claim = claim_next(worker, pass_on)
    if claim is None:
        return False
    do(worker, claim, lambda: claim_next(worker, pass_on))
    return True


def claim_next(worker: WorkerProcess, pass_on: Callable[[], None]) -> jobs.Claim | None:
    """The job whose turn it is, claimed; None where none waits, or this worker is stopping."""
    if worker.drain.begun:
        return None
    claimant = jobs.Claimant(worker.name, worker.queue, worker.base.digest, worker.settings.job_attempts)
    with reading(worker.engine) as session:  # locks nothing: it is looked often, and mostly nothing waits
        if not jobs.waits(session, claimant):
            return None
    with writing(worker.engine) as session:
        job_id = jobs.next_in_turn(session, claimant)
        if job_id is None:
            return None
        claim = jobs.claim(session, job_id, worker=worker.name, lease_seconds=worker.settings.lease_seconds)
        more_waits = jobs.waits(session, claimant)
    if claim is not None and more_waits:
        pass_on()
    return claim


def do(worker: WorkerProcess, claim: jobs.Claim, claim_next: Callable[[], jobs.Claim | None] = lambda: None) -> None:
    """Do a job that was claimed, and say how it ended; ``claim_next`` gives others that may be done with it."""
    if claim.kind == "generate":
        RunningBatch(worker, claim_next).run(claim)
        return
    with about(claim):
        seconds = _done(worker, claim)
    if seconds is not None:
        ending.pause(worker, seconds)


def _done(worker: WorkerProcess, claim: jobs.Claim) -> float | None:
    """What `ending.end` says once a job that is done by itself has ended."""
    say_begin(worker, claim)
    with worker.hold(claim) as lease:
        try:
            WORK[claim.kind](worker, lease)
        except Exception as error:  # noqa: BLE001  (whatever it is, the job's row says so)
            return ending.end(worker, claim, error)
        return ending.end(worker, claim)


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
