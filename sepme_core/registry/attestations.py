"""What is attested of a concept or a picture, and what its bundle shows: read from the registry, at one moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from sepme_core.canonical import digest_of
from sepme_core.documents.answers import AuditDocument
from sepme_core.documents.requests import ErasureRequestDocument, KnownDocument, MaskedConcept
from sepme_core.provenance import history, statement
from sepme_core.registry import audit, images, increments, jobs, knowledge
from sepme_core.registry.errors import AuditUntold, ConceptNeverErased
from sepme_core.registry.tables import AuditEntry, Concept, Image, Increment
from sepme_core.registry.types import timestamp
from sepme_core.terms import Reason


@dataclass(frozen=True)
class Standing:
    """A concept with the version that stands for it, and what the audit has of it.

    Attributes:
        concept: its row.
        stored: the version.
        entries: the concept's own, oldest first.
        head: the end of the whole chain.
    """

    concept: Concept
    stored: Increment
    entries: Sequence[AuditDocument]
    head: audit.Head


def standing(session: Session, concept: Concept) -> Standing:
    """Return what stands for a concept.

    Raises:
        ConceptNeverErased: nothing does.
        AuditUntold: the audit is empty, or one of its entries does not have its hash.
    """
    stored = increments.current(session, concept)
    if stored is None:
        raise ConceptNeverErased(concept.name)
    head = audit.head(session)
    if head is None:
        raise AuditUntold(concept.name, "it is empty")
    return Standing(concept, stored, _entries(session, concept.name), head)


def _entries(session: Session, concept: str) -> list[AuditDocument]:
    """A concept's own, oldest first; raises `AuditUntold` where one does not have its hash."""
    of_it = select(AuditEntry).where(AuditEntry.concept == concept, AuditEntry.action.in_(history.OF_A_CONCEPT))
    entries = list(session.scalars(of_it.order_by(AuditEntry.sequence)))
    for entry in entries:
        if audit.hash_of(entry) != entry.hash:
            raise AuditUntold(concept, f"entry {entry.sequence} does not have its own hash")
    return [each for each in map(audit.document, entries) if history.is_of_a_concept(each)]


def attest(session: Session, found: Standing) -> bytes:
    """Return the statement of what stands, as it is signed: of the same registry, the same bytes.

    Raises:
        AuditUntold: the audit does not tell how it came to be so.
    """
    concept, stored = found.concept, found.stored
    known, protected = _held_against(session, stored)
    try:
        since = history.since(found.entries, concept.state)
        made = history.made(found.entries, stored.version, stored.digest)
    except history.Untold as reason:
        raise AuditUntold(concept.name, str(reason)) from reason
    predicate: statement.ConceptPredicate = {
        "concept": concept.name,
        "kind": concept.kind,
        "prompts": concept.prompts,
        "state": cast("Literal['erased', 'restored']", concept.state),
        "since": statement.named(since),
        "irrevocable": concept.irrevocable,
        "version": stored.version,
        "version_reason": cast("Reason", stored.reason),
        "made": statement.named(made),
        "base_digest": stored.base_digest,
        "certificate": stored.certificate,
        "known": known,
        "protected": protected,
        "audit": found.head.document(),
        "grounds": history.grounds(found.entries, concept.state),
    }
    return statement.concept_statement(stored.digest, predicate)


def _held_against(
    session: Session, stored: Increment
) -> tuple[list[statement.NamedDigest], list[statement.NamedDigest]]:
    """What an increment was made to leave alone; those made together with it are not among its pins."""
    pinned = knowledge.unfolded(session, stored.pinned)
    request: ErasureRequestDocument = knowledge.whole(session, stored.request)
    together = [each for each in request.get("group", []) if each["name"] != stored.concept]
    known = [*pinned["known"], *(together if stored.reason == "erased" else [])]
    return _digests(known), _digests(pinned["protected"])


def _digests(entries: Sequence[KnownDocument]) -> list[statement.NamedDigest]:
    """Others' wordings are not told, and can be held against."""
    named = [statement.NamedDigest(name=each["name"], digest=digest_of(each)) for each in entries]
    return sorted(named, key=lambda each: (each["name"], each["digest"]))


def audit_slice(session: Session, entries: Sequence[AuditDocument], head: audit.Head) -> list[Mapping[str, Any]]:
    """Return the chain from the first of some entries to its end: these in full, of all others the links alone."""
    own = {entry["sequence"]: entry for entry in entries}
    first = min(own, default=head.sequence)
    columns = select(AuditEntry.sequence, AuditEntry.previous_hash, AuditEntry.hash)
    within = columns.where(AuditEntry.sequence >= first, AuditEntry.sequence <= head.sequence)
    rows = session.execute(within.order_by(AuditEntry.sequence))
    return [cast("Mapping[str, Any]", own[row.sequence]) if row.sequence in own else row._asdict() for row in rows]


@dataclass(frozen=True)
class OfPicture:
    """A picture, and what the audit has of the increments that it was drawn under.

    Attributes:
        image: its row.
        predicate: what is attested of it.
        entries: of all the concepts of its mask, in their order.
        head: the end of the whole chain.
    """

    image: Image
    predicate: statement.PicturePredicate
    entries: Sequence[AuditDocument]
    head: audit.Head


def of_picture(session: Session, image: Image) -> OfPicture:
    """Return what stands behind a picture that was asked for.

    Raises:
        AuditUntold: the audit is empty, was changed, or does not tell how an increment came to be.
    """
    head = audit.head(session)
    if head is None:
        raise AuditUntold(image.id, "it is empty")
    asked_at = timestamp(jobs.get(session, image.job_id).created_at)
    told = {each["name"]: _entries(session, each["name"]) for each in image.mask["concepts"]}
    predicate: statement.PicturePredicate = {
        "picture": image.id,
        "job": image.job_id,
        "sha256": image.sha256,
        "base_digest": image.base_digest,
        "mask": image.mask,
        "asked_at": asked_at,
        "increments": [_increment(session, each, told[each["name"]], asked_at) for each in image.mask["concepts"]],
        "audit": head.document(),
    }
    entries = sorted((entry for of_one in told.values() for entry in of_one), key=lambda entry: entry["sequence"])
    return OfPicture(image, predicate, entries, head)


def _increment(
    session: Session, masked: MaskedConcept, entries: Sequence[AuditDocument], asked_at: str
) -> statement.IncrementOfPicture:
    name, version, digest = masked["name"], masked["version"], masked["digest"]
    try:
        life = history.life(entries, version, digest, asked_at)
        made = history.made(life, version, digest)
    except history.Untold as reason:
        raise AuditUntold(name, str(reason)) from reason
    of_it = select(Increment).where(Increment.concept == name, Increment.version == version, Increment.digest == digest)
    stored = session.scalars(of_it).one_or_none()
    purge = life[-1] if life[-1]["action"] == "purge" else None
    if stored is None and purge is None:
        raise AuditUntold(name, f"version {version} is not there, and was never purged")
    return {
        "concept": name,
        "version": version,
        "digest": digest,
        "base_digest": stored.base_digest if stored and not purge else None,
        "made": statement.named(made),
        "certificate": stored.certificate if stored and not purge else None,
        "purged": None if purge is None else statement.named(purge),
        "grounds": history.grounds_by(life, asked_at, made["sequence"]),
    }


def evidence(session: Session, found: Standing) -> list[Image]:
    """Return the pictures that the version's certificate lists.

    Raises:
        UnknownImage: one is not there any more.
    """
    return [images.get(session, listed["id"]) for listed in found.stored.certificate.get("pictures", [])]


def picture_document(image: Image) -> dict[str, Any]:
    """Return a picture with its record, as a bundle holds it."""
    return {
        "id": image.id,
        "digest": image.digest,
        "bytes": image.bytes,
        "sha256": image.sha256,
        "seed": image.seed,
        "width": image.width,
        "height": image.height,
        "base_digest": image.base_digest,
        "mask": image.mask,
        "record": image.record,
        "created_at": timestamp(image.created_at),
    }
