"""The end of work that succeeded: its result and the job's end in one transaction, or neither."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from sepme_core.documents.pictures import PicturesDocument
from sepme_core.documents.requests import (
    KeptKnowledge,
    KnownDocument,
    MaskDocument,
    NamedIncrement,
    NewcomerDocument,
    StoredErasure,
    StoredPins,
)
from sepme_core.registry import increments, knowledge
from sepme_core.registry.concepts.masks import irrevocable_besides
from sepme_core.registry.database import serialise
from sepme_core.registry.documents import concept_documents
from sepme_core.registry.grounds import of_job
from sepme_core.registry.images import PictureRecord
from sepme_core.registry.images import add as add_images
from sepme_core.registry.images import document as image_document
from sepme_core.registry.jobs.leases import Claim, held_row, put_back, put_back_if_overtaken, report
from sepme_core.registry.jobs.reprojections import enqueue_reprojections
from sepme_core.registry.jobs.rows import cancel_now, finish
from sepme_core.registry.jobs.surroundings import newcomers
from sepme_core.registry.jobs.versions import StoredIncrement, add_version, audit_version, call_off_reprojection, served
from sepme_core.registry.knowledge import made_together, protected_prompts
from sepme_core.registry.tables import Concept, Increment, Job
from sepme_core.registry.types import new_id, now


@dataclass(frozen=True)
class Remade:
    """The increment of another concept, made again so that it draws something else instead.

    Attributes:
        concept: the other concept.
        trained_digest: the trained version that it was made from.
        made: the increment.
    """

    concept: str
    trained_digest: str
    made: StoredIncrement


def publish_remade(session: Session, job: Job, remade: Sequence[Remade]) -> None:
    """Let each stand for its concept, erased or restored as that is; its entity tag stays.

    One whose concept was purged or trained anew meanwhile is dropped: it was made from what stands there no more.
    """
    for one in remade:
        concept = session.get(Concept, one.concept, with_for_update=True, populate_existing=True)
        if concept is None or concept.version is None:
            continue
        if increments.trained(session, concept.name).digest == one.trained_digest:
            _publish(session, job, concept, one)


def _publish(session: Session, job: Job, concept: Concept, one: Remade) -> None:
    trained = increments.trained(session, concept.name)
    request: StoredErasure = job.request
    own: KnownDocument = {
        "name": request["name"],
        "kind": request["kind"],
        "prompts": request["prompts"],
        "erased": True,
        "decided": True,
    }
    pinned = knowledge.unfolded(session, job.pinned)
    others = [known for known in pinned["known"] if known["name"] != concept.name]
    known = sorted([*others, own], key=lambda each: str(each["name"]))
    kept = knowledge.keep(session, known, pinned["protected"])
    before = served(session, concept)
    call_off_reprojection(session, concept)
    made = replace(one.made, reason="substituted")
    increment = add_version(session, job, concept.name, made, trained.request, kept)
    concept.version = increment.version
    concept.updated_at = now(session)
    session.flush()
    audit_version(session, "substitute", concept, before, increment, {"trained": trained.version, "for": job.concept})


@dataclass(frozen=True)
class Published:
    """An erasure was published, as this version of its concept."""

    version: int


@dataclass(frozen=True)
class Overtaken:
    """An erasure was not published, and its job goes on: others came that its increment has not been held against.

    Attributes:
        others: what serves or is being erased by now, `{"name", "kind", "prompts", "digest", "erased"}`, by name.
    """

    others: list[NewcomerDocument]


def publish_erasure(
    session: Session,
    claim: Claim,
    made: StoredIncrement,
    *,
    considered: Collection[str],
    left_out: Collection[str] = (),
    remade: Sequence[Remade] = (),
) -> Published | Overtaken | None:
    """Make the new increment the one that serves, and end the job with the concept as its result.

    Stored increments that do not leave alone what is decided by now are re-projected: ring for the queue `erase` then.

    Args:
        session: of `database.writing`.
        claim: the worker's hold.
        made: the increment.
        considered: names of the concepts that it was held against.
        left_out: those among the known ones that it was not made to leave alone: close ones that nobody has decided on.
        remade: the increments of other concepts that would draw this one, made again.

    Returns:
        None where nothing was published: the lease was lost; or the concept was restored or purged meanwhile, or
        cancelling was asked for, and the job is cancelled; or another concept was erased for good meanwhile, or
        prompts were protected that this erasure, itself for good, does not leave alone, and the job is queued again,
        pinning those too.
    """
    serialise(session)
    job = held_row(session, claim)
    concept = _publishable(session, job)
    if job is None or concept is None or _put_back_for_irrevocable(session, job, made.base_digest):
        return None
    others = newcomers(session, job, made.base_digest, considered)
    if others:
        return Overtaken(others)
    pinned = cast("KeptKnowledge", {**job.pinned, "besides": sorted({*job.pinned["besides"], *left_out})})
    job.pinned = pinned
    increment = add_version(session, job, concept.name, made, job.request, pinned, of_job(job))
    call_off_reprojection(session, concept)
    before = served(session, concept)
    _serve(session, concept, increment, job)
    details = {"irrevocable": concept.irrevocable, "known_since": _known_since(session, job)}
    audit_version(session, "erase", concept, before, increment, details, of_job(job))
    publish_remade(session, job, remade)
    _succeed(session, job, concept)
    return Published(increment.version)


def publish_reprojection(session: Session, claim: Claim, made: StoredIncrement) -> bool:
    """Let the re-projected increment stand for its concept, erased or restored as it is; its entity tag stays.

    Args:
        session: of `database.writing`.
        claim: the worker's hold.
        made: the increment.

    Returns:
        False where nothing was published: the lease was lost; or the concept was purged or trained anew meanwhile, or
        cancelling was asked for, and the job is cancelled.
    """
    serialise(session)
    job = held_row(session, claim)
    concept = _publishable(session, job)
    if job is None or concept is None:
        return False
    trained = increments.trained(session, concept.name)
    pinned: StoredPins = job.pinned
    if {"version": trained.version, "digest": trained.digest} != pinned["trained"]:
        cancel_now(session, job, f"version {trained.version}, which was trained meanwhile")
        return False
    increment = add_version(session, job, concept.name, made, trained.request, job.pinned)
    before = served(session, concept)
    concept.version = increment.version
    concept.updated_at = now(session)
    session.flush()
    audit_version(session, "reproject", concept, before, increment, {"trained": trained.version, "reason": made.reason})
    _succeed(session, job, concept)
    return True


def _publishable(session: Session, job: Job | None) -> Concept | None:
    """Return the concept of a job that is held and wanted; a job that is not wanted any more ends here."""
    if job is None:
        return None
    concept = session.get(Concept, job.concept, with_for_update=True, populate_existing=True)
    if concept is None or job.cancel_requested:
        cancel_now(session, job, f"the purge of {job.concept!r}")
        return None
    return concept


def _put_back_for_irrevocable(session: Session, job: Job, base_digest: str) -> bool:
    """One that is for good itself is also held against what was protected, at once, while it was made."""
    request: StoredErasure = job.request
    present: dict[str, Sequence[NamedIncrement | KnownDocument]] = {
        "irrevocable": increments.irrevocable(session, base_digest, made_together(request))
    }
    if request["irrevocable"]:
        present["protected"] = protected_prompts(session)
    return put_back_if_overtaken(session, job, present)


def _serve(session: Session, concept: Concept, increment: Increment, job: Job) -> None:
    request: StoredErasure = job.request
    pinned: StoredPins = job.pinned
    concept.kind = request["kind"]
    concept.prompts = request["prompts"]
    concept.protect = request["protect"]
    concept.irrevocable = concept.irrevocable or request["irrevocable"]
    concept.state = pinned.get("keep_state", "erased")
    concept.version = increment.version
    concept.tag = new_id()
    concept.updated_at = now(session)
    session.flush()


def _known_since(session: Session, job: Job) -> list[str]:
    """Name the concepts that serve or are stored by now and that this increment, pinned earlier, does not know of."""
    known = knowledge.unfolded(session, job.pinned)["known"]
    pinned = {concept["name"] for concept in known} | made_together(job.request)
    stored = session.scalars(select(Concept.name).where(Concept.version.is_not(None)).order_by(Concept.name))
    return [name for name in stored if name not in pinned]


def _succeed(session: Session, job: Job, concept: Concept) -> None:
    job.state = "succeeded"  # first: neither the document nor the look at what is known counts it as work under way
    session.flush()
    enqueue_reprojections(session)
    document = concept_documents(session, [concept])[0]
    finish(session, job, "succeeded", {"result": document})


def publish_pictures(
    session: Session,
    claim: Claim,
    *,
    images: list[PictureRecord],
    mask: MaskDocument,
    base_digest: str,
    warnings: Sequence[str] = (),
    said: tuple[int, int, str] | None = None,
) -> bool:
    """End a job with its pictures, whose PNG blobs are already stored.

    Args:
        session: of `database.writing`.
        claim: the worker's hold.
        images: in the order of the request.
        mask: `{"digest", "concepts": [{"name", "version", "digest"}]}` as it was applied.
        base_digest: the base that made them.
        warnings: what they were drawn without although it was asked for.
        said: the last step, of how many, and that in words, where that was not reported.

    Returns:
        False where nothing was published: the lease was lost; or cancelling was asked for, and the job is cancelled; or
        something was erased for good that the mask lacks, and the job is queued again, to be drawn with it.
    """
    serialise(session)  # nothing is erased for good between this look and the end of the transaction
    job = held_row(session, claim)
    if job is None:
        return False
    if job.cancel_requested:
        finish(session, job, "cancelled", {})
        return False
    if irrevocable_besides(session, mask):
        put_back(session, job)
        return False
    if said is not None:
        report(session, claim, *said)
    rows = add_images(session, job.id, job.actor, images, [mask] * len(images), base_digest)
    pictures = [image_document(row) for row in rows]
    result: PicturesDocument = {
        "images": pictures,
        "mask": mask,
        "base_digest": base_digest,
        "warnings": list(warnings),
    }
    finish(session, job, "succeeded", {"result": result})
    return True
