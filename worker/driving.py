"""The method's work on one concept, driven from a job: what it is told, and how it reports."""

from collections.abc import Generator, Iterable
from typing import TypeVar

from sepme_core.documents.requests import KnownDocument
from sepme_core.erasure import (
    KnownConcept,
    Progress,
    run_to_end,
)
from worker.lease import Lease

Result = TypeVar("Result")


def drive(lease: Lease, work: Generator[Progress, None, Result]) -> Result:
    """Run the method's work to its end, reporting every step; an interruption closes it between two steps.

    Raises:
        ErasureRefused: the method refuses it.
        Interrupted: the lease was lost, the job cancelled, or the worker is stopping.
    """

    def told(progress: Progress) -> None:
        measures = {"loss": progress.loss, "momentum": progress.momentum}
        lease.step(progress.step, progress.of, progress.message, measures)

    return run_to_end(work, told)


def as_known(pinned: Iterable[KnownDocument]) -> list[KnownConcept]:
    """The method's concepts of the registry's documents; protected prompts are of no kind."""
    return [
        KnownConcept(each["name"], each.get("kind", "other"), tuple(each["prompts"]), each.get("erased", False))
        for each in pinned
    ]
