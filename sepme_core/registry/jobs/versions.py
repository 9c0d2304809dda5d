"""A version that a job made: its row, its evidence, and the line it leaves in the audit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from sepme_core.documents.certificates import Certificate, EvidenceDocument
from sepme_core.documents.requests import KeptKnowledge, MaskedConcept, StoredErasure
from sepme_core.registry import audit, increments
from sepme_core.registry.documents import mask_document
from sepme_core.registry.grounds import UNSTATED, Grounds
from sepme_core.registry.images import PictureRecord
from sepme_core.registry.images import add as add_images
from sepme_core.registry.jobs.rows import cancel_now, live_reprojection
from sepme_core.registry.tables import Concept, Increment, Job


@dataclass(frozen=True)
class StoredIncrement:
    """An increment that a worker made and whose bytes it stored.

    Attributes:
        digest: the blob.
        bytes: its size.
        base_digest: the base it was made for.
        reason: erased, reprojected, refined or substituted.
        certificate: what was measured; JSON, so no NaN.
        settings: what it was made with.
        pictures: evidence, drawn without and with it, whose PNG blobs are stored; `record` names what was applied.
    """

    digest: str
    bytes: int
    base_digest: str
    reason: str
    certificate: Certificate
    settings: dict[str, Any]
    pictures: Sequence[PictureRecord] = ()


def add_version(
    session: Session,
    job: Job,
    name: str,
    made: StoredIncrement,
    request: StoredErasure,
    pinned: KeptKnowledge,
    grounds: Grounds = UNSTATED,
) -> Increment:
    """Write the next version of a concept.

    Args:
        session: of `database.writing`.
        job: what made it.
        name: the concept.
        made: the increment.
        request: the erase body that it was made by, as it is stored.
        pinned: what it was made to leave alone, as it is stored: what `knowledge.keep` gives, of these.
        grounds: on what this concept was asked for; none of a version that another one's job made by the way.
    """
    version = increments.next_version(session, name)
    increment = Increment(
        concept=name,
        version=version,
        digest=made.digest,
        base_digest=made.base_digest,
        bytes=made.bytes,
        reason=made.reason,
        certificate=_certificate(made, _add_evidence(session, job, name, made, version), grounds),
        settings=made.settings,
        request=request,
        pinned={"knowledge": pinned["knowledge"], "besides": pinned["besides"]},
        job_id=job.id,
    )
    session.add(increment)
    session.flush()
    return increment


def _certificate(made: StoredIncrement, pictures: list[EvidenceDocument], grounds: Grounds) -> Certificate:
    """`reason` is taken: it says why there is the version, and not why the concept was asked for."""
    return {**made.certificate, "pictures": pictures, "case": grounds.case, "stated_reason": grounds.reason}


def _add_evidence(session: Session, job: Job, name: str, made: StoredIncrement, version: int) -> list[EvidenceDocument]:
    """Give the pictures their rows; returns them as the certificate lists them."""
    own: MaskedConcept = {"name": name, "version": version, "digest": made.digest}
    masks = [mask_document([own] if picture.record["increments"] else []) for picture in made.pictures]
    rows = add_images(session, job.id, job.actor, made.pictures, masks, made.base_digest)
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


def call_off_reprojection(session: Session, concept: Concept) -> None:
    """It starts from what was trained before."""
    live = live_reprojection(session, concept.name)
    if live is not None:
        cancel_now(session, live, f"a version of {concept.name!r} that was trained meanwhile")


def served(session: Session, concept: Concept) -> str | None:
    """Return the digest that serves for the concept at this moment, if one does."""
    stored = increments.current(session, concept)
    return stored.digest if stored and concept.state == "erased" else None


def audit_version(
    session: Session,
    action: str,
    concept: Concept,
    before: str | None,
    increment: Increment,
    details: dict[str, Any],
    grounds: Grounds = UNSTATED,
) -> None:
    """Say which digest serves in place of `before`, by which job; the version's certificate names that entry's hash.

    So whoever holds a certificate can tell whether the chain still is the one that it came into.
    """
    job = session.get_one(Job, increment.job_id)
    published = {"job": job.id, "version": increment.version, "base_digest": increment.base_digest}
    if concept.state != "erased":
        published["digest"] = increment.digest
    said = {**published, **details}
    entry = audit.append(session, job.actor, action, concept.name, before, served(session, concept), said, grounds)
    named = audit.Head(entry.sequence, entry.hash).document()
    increment.certificate = {**increment.certificate, "audit": named}
    session.flush()
