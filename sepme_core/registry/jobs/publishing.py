"""The end of work that succeeded: its result and the job's end in one transaction, or neither."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from sepme_core.registry import audit, increments
from sepme_core.registry.clock import now
from sepme_core.registry.database import serialise
from sepme_core.registry.documents import concept_documents
from sepme_core.registry.identifiers import new_id
from sepme_core.registry.images import PictureRecord
from sepme_core.registry.images import add as add_images
from sepme_core.registry.images import document as image_document
from sepme_core.registry.jobs.leases import Claim, held_row
from sepme_core.registry.jobs.rows import finish
from sepme_core.registry.tables import Concept, Increment, Job


def publish_erasure(
    session: Session,
    claim: Claim,
    *,
    digest: str,
    bytes: int,
    base_digest: str,
    certificate: dict[str, Any],
    settings: dict[str, Any],
) -> bool:
    """Make the new increment the one that serves, and end the job with the concept as its result.

    Args:
        session: of `database.writing`.
        claim: the worker's hold.
        digest: the blob, already stored.
        bytes: its size.
        base_digest: the base it was made for.
        certificate: what was measured; JSON, so no NaN.
        settings: what it was made with.

    Returns:
        False where nothing was published: the lease was lost; or the concept was restored or purged meanwhile, or
        cancelling was asked for, and the job is cancelled.
    """
    serialise(session)
    job = held_row(session, claim)
    if job is None:
        return False
    concept = session.get(Concept, job.concept, with_for_update=True, populate_existing=True)
    if concept is None or job.cancel_requested:
        finish(session, job, "cancelled", {})
        return False
    before = increments.current(session, concept)
    increment = Increment(
        concept=concept.name,
        version=increments.next_version(session, concept.name),
        digest=digest,
        base_digest=base_digest,
        bytes=bytes,
        reason="erased",
        certificate=certificate,
        settings=settings,
        request=job.request,
        pinned=job.pinned,
        job_id=job.id,
    )
    session.add(increment)
    served = before.digest if before and concept.state == "erased" else None
    _serve(session, concept, increment, job.request)
    details = {
        "job": job.id,
        "version": increment.version,
        "base_digest": base_digest,
        "irrevocable": concept.irrevocable,
        "known_since": _known_since(session, job),
    }
    audit.append(session, job.holder, "erase", concept.name, served, digest, details)
    _succeed(session, job, concept)
    return True


def _serve(session: Session, concept: Concept, increment: Increment, request: dict[str, Any]) -> None:
    concept.kind = request["kind"]
    concept.prompts = request["prompts"]
    concept.protect = request["protect"]
    concept.irrevocable = concept.irrevocable or request["irrevocable"]
    concept.state = "erased"
    concept.version = increment.version
    concept.tag = new_id()
    concept.updated_at = now(session)
    session.flush()


def _known_since(session: Session, job: Job) -> list[str]:
    """Name the concepts that serve or are stored by now and that this increment, pinned earlier, does not know of."""
    pinned = {known["name"] for known in job.pinned["known"]}
    stored = session.scalars(select(Concept.name).where(Concept.version.is_not(None)).order_by(Concept.name))
    return [name for name in stored if name not in pinned and name != job.concept]


def _succeed(session: Session, job: Job, concept: Concept) -> None:
    job.state = "succeeded"  # first: the document must not name this job as work under way
    session.flush()
    document = concept_documents(session, [concept])[0]
    finish(session, job, "succeeded", {"result": document})


def publish_pictures(
    session: Session,
    claim: Claim,
    *,
    images: list[PictureRecord],
    mask: dict[str, Any],
    base_digest: str,
) -> bool:
    """End a job with its pictures, whose PNG blobs are already stored.

    Args:
        session: of `database.writing`.
        claim: the worker's hold.
        images: in the order of the request.
        mask: `{"digest", "concepts": [{"name", "version", "digest"}]}` as it was applied.
        base_digest: the base that made them.

    Returns:
        False where nothing was published: the lease was lost, or cancelling was asked for and the job is cancelled.
    """
    job = held_row(session, claim)
    if job is None:
        return False
    if job.cancel_requested:
        finish(session, job, "cancelled", {})
        return False
    rows = add_images(session, job.id, job.holder, images, mask, base_digest)
    result = {"images": [image_document(row) for row in rows], "mask": mask, "base_digest": base_digest}
    finish(session, job, "succeeded", {"result": result})
    return True
