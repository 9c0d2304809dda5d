"""The end of work that succeeded: its result and the job's end in one transaction, or neither."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from sepme_core.registry import audit, increments
from sepme_core.registry.clock import now
from sepme_core.registry.database import serialise
from sepme_core.registry.documents import concept_documents, mask_document
from sepme_core.registry.identifiers import new_id
from sepme_core.registry.images import PictureRecord
from sepme_core.registry.images import add as add_images
from sepme_core.registry.images import document as image_document
from sepme_core.registry.jobs.leases import Claim, held_row, put_back_if_overtaken
from sepme_core.registry.jobs.reprojections import enqueue_reprojections
from sepme_core.registry.jobs.rows import cancel_now, finish, live_reprojection
from sepme_core.registry.known import made_together, protected_prompts
from sepme_core.registry.tables import Concept, Increment, Job


@dataclass(frozen=True)
class StoredIncrement:
    """An increment that a worker made and whose bytes it stored.

    Attributes:
        digest: the blob.
        bytes: its size.
        base_digest: the base it was made for.
        reason: erased, reprojected or refined.
        certificate: what was measured; JSON, so no NaN.
        settings: what it was made with.
        pictures: evidence, drawn without and with it, whose PNG blobs are stored; `record` names what was applied.
    """

    digest: str
    bytes: int
    base_digest: str
    reason: str
    certificate: dict[str, Any]
    settings: dict[str, Any]
    pictures: Sequence[PictureRecord] = ()


def publish_erasure(session: Session, claim: Claim, made: StoredIncrement) -> bool:
    """Make the new increment the one that serves, and end the job with the concept as its result.

    Stored increments that do not leave alone what is known by now are re-projected: ring for what `never_rung` finds.

    Args:
        session: of `database.writing`.
        claim: the worker's hold.
        made: the increment.

    Returns:
        False where nothing was published: the lease was lost; or the concept was restored or purged meanwhile, or
        cancelling was asked for, and the job is cancelled; or another concept was erased for good meanwhile, or
        prompts were protected that this erasure, itself for good, does not leave alone, and the job is queued again,
        pinning those too.
    """
    serialise(session)
    job = held_row(session, claim)
    concept = _publishable(session, job)
    if job is None or concept is None or _put_back_for_irrevocable(session, job, made.base_digest):
        return False
    increment = _add_version(session, job, made, job.request)
    _call_off_reprojection(session, concept)
    before = _served(session, concept)
    _serve(session, concept, increment, job)
    details = {"irrevocable": concept.irrevocable, "known_since": _known_since(session, job)}
    _audit(session, "erase", concept, before, increment, details)
    _succeed(session, job, concept)
    return True


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
    if {"version": trained.version, "digest": trained.digest} != job.pinned["trained"]:
        cancel_now(session, job)
        return False
    increment = _add_version(session, job, made, trained.request)
    before = _served(session, concept)
    concept.version = increment.version
    concept.updated_at = now(session)
    session.flush()
    _audit(session, "reproject", concept, before, increment, {"trained": trained.version, "reason": made.reason})
    _succeed(session, job, concept)
    return True


def pin_irrevocable(session: Session, claim: Claim, base_digest: str) -> list[dict[str, str]] | None:
    """Pin what is erased for good by now for the base that the worker has loaded.

    Returns:
        Them as `{"name", "digest"}`; None where the lease is lost.
    """
    serialise(session)
    job = held_row(session, claim)
    if job is None:
        return None
    irrevocable = increments.irrevocable(session, base_digest, made_together(job.request))
    job.pinned = {**job.pinned, "irrevocable": irrevocable}
    session.flush()
    return irrevocable


def _publishable(session: Session, job: Job | None) -> Concept | None:
    """Return the concept of a job that is held and wanted; a job that is not wanted any more ends here."""
    if job is None:
        return None
    concept = session.get(Concept, job.concept, with_for_update=True, populate_existing=True)
    if concept is None or job.cancel_requested:
        cancel_now(session, job)
        return None
    return concept


def _put_back_for_irrevocable(session: Session, job: Job, base_digest: str) -> bool:
    """One that is for good itself is also held against what was protected, at once, while it was made."""
    present = {"irrevocable": increments.irrevocable(session, base_digest, made_together(job.request))}
    if job.request["irrevocable"]:
        present["protected"] = protected_prompts(session)
    return put_back_if_overtaken(session, job, present)


def _add_version(session: Session, job: Job, made: StoredIncrement, request: dict[str, Any]) -> Increment:
    name = str(job.concept)
    version = increments.next_version(session, name)
    increment = Increment(
        concept=name,
        version=version,
        digest=made.digest,
        base_digest=made.base_digest,
        bytes=made.bytes,
        reason=made.reason,
        certificate={**made.certificate, "pictures": _add_evidence(session, job, made, version)},
        settings=made.settings,
        request=request,
        pinned={key: job.pinned[key] for key in ("known", "protected")},
        job_id=job.id,
    )
    session.add(increment)
    session.flush()
    return increment


def _add_evidence(session: Session, job: Job, made: StoredIncrement, version: int) -> list[dict[str, Any]]:
    """Give the pictures their rows; returns them as the certificate lists them."""
    own = {"name": str(job.concept), "version": version, "digest": made.digest}
    masks = [mask_document([own] if picture.record["increments"] else []) for picture in made.pictures]
    rows = add_images(session, job.id, job.holder, made.pictures, masks, made.base_digest)
    return [
        {
            "id": row.id,
            "url": f"/images/{row.id}",
            "prompt": row.record["prompt"],
            "seed": row.seed,
            "erased": bool(row.record["increments"]),
            "sha256": row.sha256,
        }
        for row in rows
    ]


def _call_off_reprojection(session: Session, concept: Concept) -> None:
    """It starts from what was trained before."""
    live = live_reprojection(session, concept.name)
    if live is not None:
        cancel_now(session, live)


def _served(session: Session, concept: Concept) -> str | None:
    """Return the digest that serves for the concept at this moment, if one does."""
    stored = increments.current(session, concept)
    return stored.digest if stored and concept.state == "erased" else None


def _serve(session: Session, concept: Concept, increment: Increment, job: Job) -> None:
    request = job.request
    concept.kind = request["kind"]
    concept.prompts = request["prompts"]
    concept.protect = request["protect"]
    concept.irrevocable = concept.irrevocable or request["irrevocable"]
    concept.state = job.pinned.get("keep_state", "erased")
    concept.version = increment.version
    concept.tag = new_id()
    concept.updated_at = now(session)
    session.flush()


def _known_since(session: Session, job: Job) -> list[str]:
    """Name the concepts that serve or are stored by now and that this increment, pinned earlier, does not know of."""
    pinned = {known["name"] for known in job.pinned["known"]} | made_together(job.request)
    stored = session.scalars(select(Concept.name).where(Concept.version.is_not(None)).order_by(Concept.name))
    return [name for name in stored if name not in pinned]


def _audit(
    session: Session, action: str, concept: Concept, before: str | None, increment: Increment, details: dict[str, Any]
) -> None:
    job = session.get_one(Job, increment.job_id)
    published = {"job": job.id, "version": increment.version, "base_digest": increment.base_digest}
    if concept.state != "erased":
        published["digest"] = increment.digest
    audit.append(session, job.holder, action, concept.name, before, _served(session, concept), {**published, **details})


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
    rows = add_images(session, job.id, job.holder, images, [mask] * len(images), base_digest)
    result = {"images": [image_document(row) for row in rows], "mask": mask, "base_digest": base_digest}
    finish(session, job, "succeeded", {"result": result})
    return True
