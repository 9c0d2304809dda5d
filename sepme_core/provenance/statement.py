"""Statements about digests (in-toto attestation framework, Statement v1), and what ours say."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NotRequired, TypedDict, cast

from sepme_core.canonical import canonical_json
from sepme_core.documents.answers import AuditDocument
from sepme_core.documents.certificates import AuditedAs, Certificate
from sepme_core.documents.requests import MaskDocument
from sepme_core.terms import Reason

STATEMENT = "https://in-toto.io/Statement/v1"
CONCEPT = "urn:sepme:attestation:concept:v1"
PICTURE = "urn:sepme:attestation:picture:v1"
FILES = "urn:sepme:attestation:files:v1"
SHA256 = "sha256:"


class StatementRefused(Exception):
    """It is no statement of the kind; the message says what is wrong."""


class Subject(TypedDict):
    """What a statement is about: a name, and the sha256 in hexadecimal digits."""

    name: str
    digest: dict[str, str]


class NamedDigest(TypedDict):
    """A known or protected entry: its name, and the digest of its canonical JSON, kind and wordings included."""

    name: str
    digest: str


class NamedEntry(TypedDict):
    """An entry of the audit."""

    sequence: int
    hash: str
    at: str
    action: str


class Grounds(TypedDict):
    """A case and a reason for which it was asked, as an entry of the audit has them."""

    sequence: int
    case: NotRequired[str]
    reason: NotRequired[str]


class ConceptPredicate(TypedDict):
    """What is attested of a concept; the registry writes it, and whoever checks a bundle reads it.

    Attributes:
        state: what serves; restored: nothing does, and the subject is the increment that stands ready.
        since: by which entry it came to serve, or ceased to.
        made: by which entry this version came to be.
        known: what the increment was held against.
        audit: the end of the audit's chain when this was said.
        grounds: all that were named for what is so now.
    """

    concept: str
    kind: str
    prompts: list[str]
    state: Literal["erased", "restored"]
    since: NamedEntry
    irrevocable: bool
    version: int
    version_reason: Reason
    made: NamedEntry
    base_digest: str
    certificate: Certificate
    known: list[NamedDigest]
    protected: list[NamedDigest]
    audit: AuditedAs
    grounds: list[Grounds]


class IncrementOfPicture(TypedDict):
    """An increment that a picture was drawn under.

    Attributes:
        made: by which entry this version came to be.
        certificate: what was measured of it; null where it went with its concept.
        purged: by which entry that was; null of a concept that is there.
        grounds: all that were named for its erasure by the time the picture was asked for; none where it was restored.
    """

    concept: str
    version: int
    digest: str
    base_digest: str | None
    made: NamedEntry
    certificate: Certificate | None
    purged: NamedEntry | None
    grounds: list[Grounds]


class PicturePredicate(TypedDict):
    """What is attested of a picture; the registry writes it, and whoever checks a bundle reads it.

    Attributes:
        sha256: of the raw pixels; the subject is the file.
        asked_at: when its job was accepted, and with it the mask.
        audit: the end of the audit's chain when this was said.
    """

    picture: str
    job: str
    sha256: str
    base_digest: str
    mask: MaskDocument
    asked_at: str
    increments: list[IncrementOfPicture]
    audit: AuditedAs


class FilesPredicate(TypedDict):
    """What is said of a bundle besides the digests of its files: what it is of."""

    concept: NotRequired[str]
    picture: NotRequired[str]


def subject(name: str, digest: str) -> Subject:
    """Return a subject of one of our digests."""
    return {"name": name, "digest": {"sha256": digest.removeprefix(SHA256)}}


def digest_in(subject: Subject) -> str:
    """Return the digest of a subject as we spell it."""
    return SHA256 + subject["digest"]["sha256"]


def named(entry: AuditDocument) -> NamedEntry:
    """Return an entry of the audit as statements name it."""
    return {"sequence": entry["sequence"], "hash": entry["hash"], "at": entry["at"], "action": entry["action"]}


def spelt(predicate_type: str, subjects: Sequence[Subject], predicate: Mapping[str, Any]) -> bytes:
    """Return the statement as canonical JSON."""
    return canonical_json(
        {"_type": STATEMENT, "subject": list(subjects), "predicateType": predicate_type, "predicate": predicate}
    )


def concept_statement(digest: str, predicate: ConceptPredicate) -> bytes:
    """Return what is attested of a concept's increment."""
    name = f"{predicate['concept']}@{predicate['version']}"
    return spelt(CONCEPT, [subject(name, digest)], cast("Mapping[str, Any]", predicate))


def picture_statement(digest: str, predicate: PicturePredicate) -> bytes:
    """Return what is attested of a picture, by the digest of its file."""
    name = f"{predicate['picture']}.png"
    return spelt(PICTURE, [subject(name, digest)], cast("Mapping[str, Any]", predicate))


def read(statement: bytes, predicate_type: str) -> tuple[list[Subject], dict[str, Any]]:
    """Return the subjects and the predicate of a statement of this type.

    Raises:
        StatementRefused: where it is none.
    """
    try:
        document = json.loads(statement)
    except (ValueError, RecursionError) as error:
        raise StatementRefused(f"it is not JSON: {error}") from error
    if not isinstance(document, dict) or document.get("_type") != STATEMENT:
        raise StatementRefused(f"it is no in-toto statement ({STATEMENT})")
    if document.get("predicateType") != predicate_type:
        raise StatementRefused(f"it is of the type {document.get('predicateType')!r}, and not {predicate_type!r}")
    subjects, predicate = document.get("subject"), document.get("predicate")
    if not isinstance(subjects, list) or not all(_is_subject(each) for each in subjects):
        raise StatementRefused("its subjects are not names with their sha256")
    if not isinstance(predicate, dict):
        raise StatementRefused("it has no predicate")
    return subjects, predicate


def _is_subject(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("name"), str)
        and isinstance(value.get("digest"), dict)
        and isinstance(value["digest"].get("sha256"), str)
    )
