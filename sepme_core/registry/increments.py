"""Versions of increments: rows that name a blob. A concept points at one of them."""

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
