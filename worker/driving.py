"""The method's work on one concept, driven from a job: what it is told, and how it reports."""

import time
from collections.abc import Callable, Generator, Iterable
from typing import TypeVar

from sepme_core.documents.answers import Measures
from sepme_core.documents.requests import KnownDocument
from sepme_core.erasure import (
    KnownConcept,
    Progress,
    run_to_end,
)
from worker.lease import Lease

Result = TypeVar("Result")
MINUTE, HOUR = 60, 3600
FEW = 1.5
"""Up to so many of a unit are told in the next smaller one."""


def drive(lease: Lease, work: Generator[Progress, None, Result]) -> Result:
    """Run the method's work to its end, reporting every step; an interruption closes it between two steps.

    Raises:
        ErasureRefused: the method refuses it.
        Interrupted: the lease was lost, the job cancelled, or the worker is stopping.
    """
    time_left = TimeLeft()

    def told(progress: Progress) -> None:
        measures: Measures = {"loss": progress.loss, "momentum": progress.momentum}
        message, left = progress.message, time_left.after(progress.passes_left)
        if left is not None and left >= 1:
            measures["seconds_left"] = round(left)
            message += f", {'at most' if progress.step else 'about'} {in_words(left)} left"
        lease.step(progress.step, progress.of, message, measures)

    return run_to_end(work, told)


class TimeLeft:
    """How long the work will still take, by how long its passes took so far in this attempt."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: tuple[float, int] | None = None
        self._seconds, self._passes = 0.0, 0

    def after(self, passes_left: int | None) -> float | None:
        """The seconds that so many passes take; None where that, or a pass's time, is not known.

        What was done between two of these counts if less is left after it; else it was something else.
        """
        if passes_left is None:
            self._last = None
            return None
        now = self._clock()
        if self._last is not None and passes_left < self._last[1]:
            self._seconds += now - self._last[0]
            self._passes += self._last[1] - passes_left
        self._last = now, passes_left
        return passes_left * self._seconds / self._passes if self._passes else None


def in_words(seconds: float) -> str:
    """A time in the unit that suits it."""
    if seconds < FEW * MINUTE:
        return f"{seconds:.0f} s"
    if seconds < FEW * HOUR:
        return f"{seconds / MINUTE:.0f} min"
    return f"{seconds / HOUR:.0f} h"


def as_known(pinned: Iterable[KnownDocument]) -> list[KnownConcept]:
    """The method's concepts of the registry's documents; protected prompts are of no kind."""
    return [
        KnownConcept(each["name"], each.get("kind", "other"), tuple(each["prompts"]), each.get("erased", False))
        for each in pinned
    ]
