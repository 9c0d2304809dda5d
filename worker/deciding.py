"""What an erase job is held against: all that is known, once everything close that came before it is decided."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from sepme_core.documents.requests import KnownDocument, LeaningDocument
from sepme_core.erasure import ErasureRequest, KnownConcept, are_close
from sepme_core.increments.increment import Increment
from sepme_core.registry import jobs
from sepme_core.registry.database import reading, writing
from worker.driving import as_known
from worker.lease import Cancelled, GaveWay, Lease, LeaseLost
from worker.process import WorkerProcess, readable_increments, usable_increments

PATIENCE_SECONDS = 10.0
LOOK_SECONDS = 0.25


@dataclass(frozen=True)
class Settled:
    """What there is besides a concept when its increment is made.

    Attributes:
        concept: It, as others know it.
        known: What it leaves alone, and what of that is erased.
        protected: Prompts that it leaves alone.
        irrevocable: The trained increments of what is erased for good.
        serving: The increments that serve, those that cannot be read aside.
        leaning: What draws something named instead of its own concept.
        left_out: Names of close ones that were asked for later and are not decided: each of two names for one thing
            would otherwise be made to leave the other alone.
    """

    concept: KnownConcept
    known: list[KnownConcept]
    protected: list[KnownConcept]
    irrevocable: list[Increment]
    serving: list[Increment]
    leaning: list[LeaningDocument]
    left_out: frozenset[str]

    @property
    def considered(self) -> set[str]:
        """The names of all that is erased and was looked at; what is restored may come back meanwhile, and is not."""
        return {each.name for each in self.known if each.erased} | self.left_out | {self.concept.name}


def settle(worker: WorkerProcess, lease: Lease, request: ErasureRequest) -> Settled:
    """Pin what is known now; wait before for close ones that were asked for earlier and are being decided.

    Raises:
        Refused: an irrevocable increment cannot be read.
        Interrupted: the lease was lost, the job cancelled, or one of those has to be done first.
    """
    concept = KnownConcept(request.name, request.kind, request.prompts, erased=True)
    while True:
        with writing(worker.engine) as session:
            present = jobs.pin_present(session, lease.claim, worker.base.digest)
        if present is None:
            raise LeaseLost
        earlier = [each for each in present.earlier if _is_close(worker, concept, each)]
        if not earlier:
            return _settled(worker, concept, present)
        names = ", ".join(each["name"] for each in earlier)
        lease.step(0, 1, f"waiting until it is decided on {names}, which came before")
        _await_end(worker, lease, [each["job_id"] for each in earlier])


def _settled(worker: WorkerProcess, concept: KnownConcept, present: jobs.Surroundings) -> Settled:
    earlier = {each["name"] for each in present.earlier}
    undecided = [each for each in present.known if not each["decided"] and each["name"] not in earlier]
    left_out = frozenset(each["name"] for each in undecided if _is_close(worker, concept, each))
    return Settled(
        concept,
        as_known(each for each in present.known if each["name"] not in left_out),
        as_known(present.protected),
        usable_increments(worker.increments, present.irrevocable),
        readable_increments(worker.increments, present.serving),
        present.leaning,
        left_out,
    )


def _is_close(worker: WorkerProcess, concept: KnownConcept, other: KnownDocument) -> bool:
    (known,) = as_known([other])
    return are_close(worker.cache, concept, known)


def _await_end(worker: WorkerProcess, lease: Lease, job_ids: Sequence[str]) -> None:
    """Return once they have ended; one that waits for a worker is to be done by this one, perhaps."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        lease.check()
        with reading(worker.engine) as session:
            states = jobs.job_states(session, job_ids)
            cancelled = jobs.cancel_requested(session, lease.claim.job_id)
        if cancelled:
            raise Cancelled
        if not any(state in jobs.LIVE_STATES for state in states.values()):
            return
        if "queued" in states.values():
            raise GaveWay
        time.sleep(LOOK_SECONDS)
    raise GaveWay  # its worker may be lost, and this one has to be free to take it over
