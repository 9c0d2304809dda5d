"""Protect prompts, unless that would weaken what is erased for good."""

from collections.abc import Sequence
from typing import cast

from sepme_core.documents.requests import ProtectRequest
from sepme_core.erasure import KnownConcept, check_irrevocable, irrevocable_weakened, request_of, same_words
from sepme_core.increments.increment import Increment
from sepme_core.registry import protected
from sepme_core.registry.database import writing
from sepme_core.wordings import normalised
from worker.driving import as_known, drive
from worker.fitting import check_whole
from worker.lease import Lease, LeaseLost
from worker.process import WorkerProcess, usable_increments
from worker.trouble import insist


def run(worker: WorkerProcess, lease: Lease) -> None:
    """Do a protect job from the claim to the protected prompts.

    Raises:
        Refused: a prompt is too long, an irrevocable erasure would be weakened, or its increment cannot be read.
        Interrupted: the lease was lost, the job cancelled, or the worker is stopping.
    """
    request = cast("ProtectRequest", lease.claim.request)
    check_whole(worker.base, request)
    with writing(worker.engine) as session:
        pinned = protected.pin(session, lease.claim)
    if pinned is None:
        raise LeaseLost
    (newcomer,) = as_known([request])
    known, prompts = as_known(pinned["known"]), as_known(pinned["protected"])
    irrevocable = usable_increments(worker.increments, pinned["irrevocable"])
    check_words(newcomer, irrevocable)
    drive(lease, check_irrevocable(worker.cache, newcomer, irrevocable, known, prompts))
    published = insist(worker.engine, lambda session: protected.publish(session, lease.claim))
    if not published:
        raise LeaseLost


def check_words(newcomer: KnownConcept, irrevocable: Sequence[Increment]) -> None:
    """Refuse at once what contradicts itself: no training finds room where a prompt is to be erased and left alone.

    Raises:
        ErasureRefused: ``irrevocable-weakened``, for the first that is said by the same words.
    """
    wanted = {normalised(prompt): prompt for prompt in newcomer.prompts}
    for trained in irrevocable:
        for words in map(normalised, request_of(trained).prompts):
            if words in wanted:
                raise irrevocable_weakened(newcomer.name, trained.concept, same_words(wanted[words]))
