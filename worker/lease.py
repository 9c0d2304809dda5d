"""The hold of a worker on its job, kept up from a thread and looked at from the work; and how draining ends it."""

import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from sepme_core import logs
from sepme_core.documents.answers import Measures
from sepme_core.registry import jobs
from sepme_core.registry.database import writing

DRAIN_LOOK_SECONDS = 0.1
logger = logging.getLogger(__name__)
RENEWALS_PER_LEASE = 4
LOOK_SECONDS = 0.5
HUNG_STATUS = 75
"""The exit status of a worker whose work hung: EX_TEMPFAIL of sysexits.h."""


class Drain:
    """Whether the worker is stopping, and how long the job it holds may go on.

    Thread-safe, and `begin` may run in a signal handler: it only sets a number.

    Celery's own soft shutdown (REMAP_SIGTERM=SIGQUIT with worker_soft_shutdown_timeout) is of no use with threads: it
    always sleeps its whole timeout, and then fails, because a thread cannot be terminated. So SIGTERM stays Celery's
    warm shutdown, which waits for the job under way, and the job itself looks here at every step.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._deadline: float | None = None

    def begin(self) -> None:
        """The worker was told to stop; a second call changes nothing."""
        if self._deadline is None:
            self._deadline = self._clock() + self._seconds

    @property
    def begun(self) -> bool:
        """Whether the worker is stopping: no new job is to be taken."""
        return self._deadline is not None

    @property
    def over(self) -> bool:
        """Whether the time for the job under way is up: it is to be put back."""
        return self._deadline is not None and self._clock() >= self._deadline

    def sleep(self, seconds: float) -> None:
        """Wait so long, or until the worker is told to stop."""
        deadline = self._clock() + seconds
        while not self.begun and self._clock() < deadline:
            time.sleep(min(DRAIN_LOOK_SECONDS, seconds))


class Interrupted(Exception):
    """The work is to end before it is done; the subclasses say why."""


class LeaseLost(Interrupted):
    """Another attempt at the job has begun, or the job is over: nothing may be written any more."""


class Cancelled(Interrupted):
    """Somebody asked for the job to be cancelled."""


class PutBack(Interrupted):
    """The worker is stopping and its time is up: another worker shall do the job."""


class GaveWay(Interrupted):
    """Another job has to be done first: this one goes back to the queue, to be done anew."""


def about(claim: jobs.Claim) -> AbstractContextManager[None]:
    """What is logged within is about this job, and holds nothing of what it says."""
    return logs.about_job(claim.job_id, claim.request_id, claim.request, claim.pinned)


class Lease:
    """Hold a claim for the time of a `with` block, or from `begin` to `end`.

    A claim is a lease on the row under an attempt's number. While it lasts no other worker claims the job; where it ran
    out (the process hung, the machine slept) another attempt may have begun, and whatever this one still writes is
    refused by the registry. So losing a lease costs time, never correctness.

    Args:
        engine: the registry's database.
        claim: what `jobs.claim` gave.
        seconds: how long the claim lasts unless it is renewed.
        drain: whether this worker is stopping.
        hang_seconds: without a sign of the work for as long, the lease is not renewed any more and the process ends,
            so that the job runs again elsewhere: a thread that hangs cannot be ended alone.
        end_process: how.
    """

    def __init__(
        self,
        engine: Engine,
        claim: jobs.Claim,
        *,
        seconds: float,
        drain: Drain,
        hang_seconds: float = float("inf"),
        end_process: Callable[[int], object] = os._exit,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.claim = claim
        self._engine = engine
        self._seconds = seconds
        self._drain = drain
        self._clock = clock
        self._hang_seconds = hang_seconds
        self._end_process = end_process
        self._sign = clock()
        self._failures = 0
        self._looked = float("-inf")
        self._lost = threading.Event()
        self._over = threading.Event()
        self._renewer = threading.Thread(target=self._renew, name=f"lease of {claim.job_id}", daemon=True)

    def begin(self) -> None:
        """Keep the claim up from now on, until `end`."""
        self._renewer.start()

    def end(self) -> None:
        """Keep it up no longer; returns with nothing under way."""
        self._over.set()
        self._renewer.join()

    def __enter__(self) -> Self:
        self.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def step(self, step: int, of: int, message: str, data: Measures | None = None) -> None:
        """Report a step and see whether to go on; to be called at every step of the work.

        The database is asked at most every half second, and after the last step.

        Raises:
            LeaseLost, Cancelled, PutBack: the work is to end now.
        """
        self.check()
        if step < of and self._clock() - self._looked < LOOK_SECONDS:
            return
        self._looked = self._clock()
        with writing(self._engine) as session:
            interrupted = self.report(session, step, of, message, data)
        if interrupted is not None:
            raise interrupted
        self.check()

    def report(
        self, session: Session, step: int, of: int, message: str, data: Measures | None = None
    ) -> LeaseLost | Cancelled | None:
        """Say in a transaction how far the work is; returns why it is to end now, where it is."""
        if not jobs.report(session, self.claim, step, of, message, data):
            return self.lose()
        return Cancelled() if jobs.cancel_requested(session, self.claim.job_id) else None

    def lose(self) -> LeaseLost:
        """The claim was found to hold no more: whatever looks at this from now on learns it too."""
        self._lost.set()
        return LeaseLost()

    def check(self) -> None:
        """See, without asking the database, whether the work may go on.

        Raises:
            LeaseLost, PutBack: the work is to end now.
        """
        self._sign = self._clock()
        if self._lost.is_set():
            raise LeaseLost
        if self._drain.over:
            raise PutBack

    def _renew(self) -> None:
        with about(self.claim):
            self._go_on_renewing()

    def _go_on_renewing(self) -> None:
        while not self._over.wait(self._seconds / RENEWALS_PER_LEASE):
            if self._clock() - self._sign > self._hang_seconds:
                logger.critical(
                    "Job %s gave no sign for %g s: this worker ends, and another does the job.",
                    self.claim.job_id,
                    self._hang_seconds,
                )
                self._end_process(HUNG_STATUS)
                return
            if not self._renewed():
                self._lost.set()
                return

    def _renewed(self) -> bool:
        """Whether the claim still holds, or may hold: the next renewal may find the database again."""
        try:
            with writing(self._engine) as session:
                return jobs.renew(session, self.claim, self._seconds)
        except Exception as trouble:  # noqa: BLE001  (whatever it is, this thread must outlive it; publishing is fenced)
            self._failures += 1
            logger.warning(
                "The lease of job %s could not be renewed (%d times by now): %s",
                self.claim.job_id,
                self._failures,
                trouble,
            )
            return True
