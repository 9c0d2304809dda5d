"""Versions of increments: rows that name a blob. A concept points at one of them."""

from collections.abc import Collection

from sqlalchemy import and_, bindparam, func, select
from sqlalchemy.orm import Session

from sepme_core.documents.answers import CertifiedVersion, VersionDocument
from sepme_core.documents.certificates import Certificate
from sepme_core.documents.requests import NamedIncrement
from sepme_core.registry.blobs import Blobs
from sepme_core.registry.tables import Concept, Increment
from sepme_core.registry.types import spelt

OPTIMISED = ("erased", "substituted")
"""Why a version was trained: its concept was to be erased, or what it drew instead was erased itself."""


def current(session: Session, concept: Concept) -> Increment | None:
    """Return the version that stands for the concept, whether it serves now or is restored; None before the first."""
    if concept.version is None:
        return None
    pointed = select(Increment).where(Increment.concept == concept.name, Increment.version == concept.version)
    return session.scalars(pointed).one()


def trained(session: Session, name: str) -> Increment:
    """Return the version that was optimised last, of a concept that has one: re-projections start from it."""
    optimised = select(Increment).where(Increment.concept == name, Increment.reason.in_(OPTIMISED))
    return session.scalars(optimised.order_by(Increment.version.desc()).limit(1)).one()


def lacking(session: Session, blobs: Blobs, stored: Increment) -> list[str]:
    """Return the digests whose bytes are gone or damaged, of a current version and of the one it was made from."""
    needed = dict.fromkeys([stored.digest, trained(session, stored.concept).digest])
    return [digest for digest in needed if not blobs.holds(digest)]


def standing(session: Session, base_digest: str, besides: Collection[str] = ()) -> list[tuple[Concept, Increment]]:
    """Return the concepts with the version that stands for them, erased or restored, for a base, by name."""
    pointed = and_(Increment.concept == Concept.name, Increment.version == Concept.version)
    found = select(Concept, Increment).join(Increment, pointed).where(Increment.base_digest == base_digest)
    rows = session.execute(found.order_by(Concept.name))
    return [(concept, increment) for concept, increment in rows if concept.name not in besides]


def substitute(certificate: Certificate | None) -> str | None:
    """Return the phrase for what an increment draws instead of its concept; None where its certificate names none."""
    named = certificate.get("substitute") if certificate else None
    return named.get("phrase") if named else None


def leans_on(increment: Increment) -> list[str]:
    """Name the concepts that what the increment draws instead of its own is close to: it would draw them."""
    named = increment.certificate.get("substitute")
    return list(named.get("close_to") or []) if named else []


def irrevocable(session: Session, base_digest: str, besides: Collection[str]) -> list[NamedIncrement]:
    """Return the trained versions of what is erased for good, for a base, as `{"name", "digest"}`, by name.

    An erasure must not weaken them by what it has them leave alone; so those that are never re-projected are left out.
    """
    names = select(Concept.name).where(Concept.state == "erased", Concept.irrevocable).order_by(Concept.name)
    latest = [trained(session, name) for name in session.scalars(names) if name not in besides]
    return [
        {"name": version.concept, "digest": version.digest}
        for version in latest
        if version.base_digest == base_digest and is_projected(version)
    ]


def is_projected(increment: Increment) -> bool:
    """Tell whether the increment is re-projected when more becomes known: all are but those of the published method."""
    return bool(increment.settings.get("variant") != "published")


def versions(session: Session, name: str) -> list[Increment]:
    """Return all versions of a concept, oldest first."""
    return list(session.scalars(select(Increment).where(Increment.concept == name).order_by(Increment.version)))


def next_version(session: Session, name: str) -> int:
    """Return the number of the version to come."""
    latest = session.execute(select(func.max(Increment.version)).where(Increment.concept == name)).scalar_one()
    return (latest or 0) + 1


SUBSTITUTE = Increment.certificate[("substitute", "phrase")].as_string()
"""The phrase that `substitute` gives, by the database."""

_LISTED = (
    select(
        Increment.concept,
        Increment.version,
        Increment.digest,
        Increment.base_digest,
        Increment.bytes,
        Increment.reason,
        spelt(Increment.created_at),
    )
    .where(Increment.concept.in_(bindparam("names", expanding=True)))
    .order_by(Increment.concept, Increment.version)
)


def listed(session: Session, names: Collection[str]) -> dict[str, list[VersionDocument]]:
    """Return all versions of concepts as they are listed on them, oldest first, by name.

    Nothing else of a version is read: certificates and what was pinned are most of a long history.
    """
    found: dict[str, list[VersionDocument]] = {name: [] for name in names}
    for row in session.execute(_LISTED, {"names": names}):
        found[row[0]].append(
            {
                "version": row[1],
                "digest": row[2],
                "base_digest": row[3],
                "bytes": row[4],
                "reason": row[5],
                "created_at": row[6],
            }
        )
    return found


def certified(session: Session, name: str, version: int) -> CertifiedVersion | None:
    """Return one version of a concept with its certificate; None where it has none of that number."""
    asked = select(Increment.certificate).where(Increment.concept == name, Increment.version == version)
    certificate = session.execute(asked).scalar_one_or_none()
    if certificate is None:
        return None
    document = next(each for each in listed(session, [name])[name] if each["version"] == version)
    return {**document, "certificate": certificate}


def certificates(session: Session, names: Collection[str]) -> dict[str, Certificate]:
    """Return the certificate of the version that stands for each of these concepts, by name."""
    pointed = and_(Increment.concept == Concept.name, Increment.version == Concept.version)
    current = select(Concept.name, Increment.certificate).join(Increment, pointed).where(Concept.name.in_(names))
    return {row.name: row.certificate for row in session.execute(current)}
