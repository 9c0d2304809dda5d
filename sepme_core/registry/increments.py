"""Versions of increments: rows that name a blob. A concept points at one of them."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sepme_core.registry.clock import timestamp
from sepme_core.registry.tables import Concept, Increment


def current(session: Session, concept: Concept) -> Increment | None:
    """Return the version that stands for the concept, whether it serves now or is restored; None before the first."""
    if concept.version is None:
        return None
    pointed = select(Increment).where(Increment.concept == concept.name, Increment.version == concept.version)
    return session.scalars(pointed).one()


def trained(session: Session, name: str) -> Increment:
    """Return the version that was optimised last, of a concept that has one: re-projections start from it."""
    optimised = select(Increment).where(Increment.concept == name, Increment.reason == "erased")
    return session.scalars(optimised.order_by(Increment.version.desc()).limit(1)).one()


def irrevocable(session: Session, base_digest: str, besides: Collection[str]) -> list[dict[str, str]]:
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


def document(increment: Increment) -> dict[str, Any]:
    """Return the version as it is listed on its concept."""
    return {
        "version": increment.version,
        "digest": increment.digest,
        "base_digest": increment.base_digest,
        "bytes": increment.bytes,
        "reason": increment.reason,
        "created_at": timestamp(increment.created_at),
    }
