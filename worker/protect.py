"""Protect prompts, unless that would weaken what is erased for good."""

from collections.abc import Sequence

from sepme_core.erasure import KnownConcept, check_irrevocable, irrevocable_weakened, request_of, same_words
from sepme_core.increment import Increment
from sepme_core.registry import protecting
from sepme_core.registry.database import writing
from sepme_core.wordings import as_spoken
from worker.fitting import check_whole
from worker.increments import usable_increments
from worker.lease import Lease, LeaseLost
from worker.optimising import as_known, drive
from worker.resident import Resident
from worker.trouble import insist


def run(resident: Resident, lease: Lease) -> None:
    """Do a protect job from the claim to the protected prompts.

    Raises:
        Refused: a prompt is too long, an irrevocable erasure would be weakened, or its increment cannot be read.
        Interrupted: the lease was lost, the job cancelled, or the worker is stopping.
    """
    check_whole(resident.base, lease.claim.request)
    with writing(resident.engine) as session:
        pinned = protecting.pin(session, lease.claim)
    if pinned is None:
        raise LeaseLost
    (newcomer,) = as_known([lease.claim.request])
    known, protected = as_known(pinned["known"]), as_known(pinned["protected"])
    irrevocable = usable_increments(resident.increments, pinned["irrevocable"])
    check_words(newcomer, irrevocable)
    drive(lease, check_irrevocable(resident.shared, newcomer, irrevocable, known, protected))
    published = insist(resident.engine, lambda session: protecting.publish(session, lease.claim))
    if not published:
        raise LeaseLost


def check_words(newcomer: KnownConcept, irrevocable: Sequence[Increment]) -> None:
    """Refuse at once what contradicts itself: no training finds room where a prompt is to be erased and left alone.

    Raises:
        ErasureRefused: ``irrevocable-weakened``, for the first that is said by the same words.
    """
    wanted = {as_spoken(prompt): prompt for prompt in newcomer.prompts}
    for trained in irrevocable:
        for spoken in map(as_spoken, request_of(trained).prompts):
            if spoken in wanted:
                raise irrevocable_weakened(newcomer.name, trained.concept, same_words(wanted[spoken]))
