"""Prompts that no increment may change: watermarks, brand names."""

from typing import Any

from sqlalchemy.orm import Session

from sepme_core.registry import audit, clock, cursors
from sepme_core.registry.database import serialise
from sepme_core.registry.errors import UnknownProtected
from sepme_core.registry.jobs.reprojections import enqueue_reprojections
from sepme_core.registry.lookups import find
from sepme_core.registry.tables import Protected


def put(session: Session, name: str, prompts: list[str], holder: str) -> tuple[Protected, bool]:
    """Protect prompts under a name, in place of what it held; returns the row and whether it is new.

    Concepts accepted from now on pin them. Increments that exist are re-projected: ring for the queue `erase`
    then.
    """
    serialise(session)
    row = session.get(Protected, name)
    if row is None:
        row = Protected(name=name, prompts=prompts)
        session.add(row)
        session.flush()
        audit.append(session, holder, "protect", name, details={"prompts": prompts})
        enqueue_reprojections(session)
        return row, True
    if row.prompts != prompts:
        audit.append(session, holder, "protect", name, details={"prompts": prompts, "before": row.prompts})
        row.prompts = prompts
        row.updated_at = clock.now(session)
        session.flush()
        enqueue_reprojections(session)
    return row, False


def get(session: Session, name: str) -> Protected:
    """Return one set of protected prompts.

    Raises:
        UnknownProtected: where there is none.
    """
    return find(session, Protected, name, UnknownProtected)


def list_page(session: Session, cursor: str | None, limit: int) -> cursors.Page[Protected]:
    """Return `limit` sets of protected prompts, by name.

    Raises:
        CursorInvalid: where the cursor is not one of this listing.
    """
    return cursors.page_by_name(session, Protected, cursor, limit)


def delete(session: Session, name: str, holder: str) -> Protected:
    """Protect these prompts no longer; returns the row as it was.

    Raises:
        UnknownProtected: where there is none.
    """
    serialise(session)
    row = get(session, name)
    session.delete(row)
    session.flush()
    audit.append(session, holder, "unprotect", name, details={"before": row.prompts})
    return row


def document(row: Protected) -> dict[str, Any]:
    """Return the row as JSON."""
    return {
        "name": row.name,
        "prompts": row.prompts,
        "created_at": clock.timestamp(row.created_at),
        "updated_at": clock.timestamp(row.updated_at),
    }
