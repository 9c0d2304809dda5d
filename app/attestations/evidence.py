"""What is shown of a concept: read in one transaction, its bytes fetched and signed outside of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy.orm import Session

from app.concepts.routes import stored_digest
from app.problems import Problem
from sepme_core import problems
from sepme_core.provenance import bundle, envelope, statement
from sepme_core.provenance.identity import Identity, IdentityUnusable, open_identity
from sepme_core.registry import attestations, concepts, jobs
from sepme_core.registry.attestations import Standing
from sepme_core.registry.blobs import Blobs
from sepme_core.registry.errors import BlobDamaged, BlobMissing, UnknownImage
from sepme_core.registry.tables import Image
from sepme_core.settings import Settings


@dataclass(frozen=True)
class Shown:
    """All of a bundle but the pictures' bytes and the signatures.

    Attributes:
        concept: its name.
        statement: what is attested.
        certificate: of the version that stands.
        entries: the audit's, from the concept's first to the end.
        pictures: records by id.
    """

    concept: str
    statement: bytes
    certificate: Mapping[str, Any]
    entries: list[Mapping[str, Any]]
    pictures: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class ShownOfPicture:
    """All of a picture's bundle but its bytes and the signatures.

    Attributes:
        statement: what is attested.
        certificates: of the increments that it was drawn under, by concept; none of what was purged.
        entries: the audit's, from the first of any of these concepts to the end.
        record: the picture with its record.
    """

    statement: bytes
    certificates: Mapping[str, Mapping[str, Any]]
    entries: list[Mapping[str, Any]]
    record: Mapping[str, Any]


def standing(session: Session, name: str) -> Standing:
    """What stands for a concept, by its name or a further one.

    Raises:
        UnknownConcept, AuditUntold: As the registry says.
        Problem: `concept-never-erased`.
    """
    stored_digest(session, name)
    return attestations.standing(session, concepts.get(session, name))


def shown(session: Session, name: str) -> Shown:
    """What a bundle of a concept shows.

    Raises:
        UnknownConcept, AuditUntold: As the registry says.
        Problem: `concept-never-erased`, `image-gone`.
    """
    found = standing(session, name)
    try:
        pictures = attestations.evidence(session, found)
    except UnknownImage as error:
        raise _gone(name, error.image_id) from error
    return Shown(
        concept=found.concept.name,
        statement=attestations.attest(session, found),
        certificate=cast("Mapping[str, Any]", found.stored.certificate),
        entries=attestations.audit_slice(session, found.entries, found.head),
        pictures={each.id: attestations.picture_document(each) for each in pictures},
    )


def shown_of_picture(session: Session, image: Image) -> ShownOfPicture:
    """What a bundle of a picture shows.

    Raises:
        AuditUntold: As the registry says.
        Problem: `picture-is-evidence`.
    """
    job = jobs.get(session, image.job_id)
    if job.kind != "generate":
        raise Problem(
            problems.PICTURE_IS_EVIDENCE, f"{image.id} was drawn to look at {job.concept!r}.", concept=job.concept
        )
    found = attestations.of_picture(session, image)
    certificates = {each["concept"]: each["certificate"] for each in found.predicate["increments"]}
    return ShownOfPicture(
        statement=statement.picture_statement(image.digest, found.predicate),
        certificates={name: cast("Mapping[str, Any]", each) for name, each in certificates.items() if each is not None},
        entries=attestations.audit_slice(session, found.entries, found.head),
        record=attestations.picture_document(image),
    )


def pack(read: Shown, blobs: Blobs, identity: Identity) -> bytes:
    """The zip file, signed: of the same state of the registry, the same bytes.

    Raises:
        Problem: `image-gone` or `image-damaged`.
    """
    pictures = {each: (record, _png(blobs, read.concept, record)) for each, record in read.pictures.items()}
    attestation = envelope.sign(read.statement, [identity.key])
    files = bundle.shown(attestation, read.certificate, read.entries, pictures)
    return bundle.pack(files, {"concept": read.concept}, identity)


def pack_picture(read: ShownOfPicture, png: bytes, identity: Identity) -> bytes:
    """The zip file of a picture, signed: of the same state of the registry, the same bytes."""
    attestation = envelope.sign(read.statement, [identity.key])
    files = bundle.of_picture(attestation, read.certificates, read.entries, read.record, png)
    return bundle.pack(files, {"picture": read.record["id"]}, identity)


def identity(settings: Settings) -> Identity:
    """Who signs.

    Raises:
        Problem: `signing-unusable`.
    """
    try:
        return open_identity(settings)
    except IdentityUnusable as reason:
        raise Problem(problems.SIGNING_UNUSABLE, f"{reason}.") from reason


def _png(blobs: Blobs, concept: str, record: Mapping[str, Any]) -> bytes:
    try:
        return blobs.get(record["digest"])
    except BlobMissing as error:
        raise _gone(concept, record["id"]) from error
    except BlobDamaged as error:
        detail = f"The picture {record['id']} by which {concept!r} was decided has the digest {error.found}."
        raise Problem(problems.IMAGE_DAMAGED, detail, digest=record["digest"]) from error


def _gone(concept: str, picture_id: str) -> Problem:
    detail = f"The picture {picture_id} by which {concept!r} was decided is not there any more."
    remedy = "Erase the concept again with another `options.seed`: pictures are drawn anew. Check the blobs' disk."
    return Problem(problems.IMAGE_GONE, detail, remedy=remedy, concept=concept)
