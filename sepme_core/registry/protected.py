"""Prompts that no increment may change: watermarks, brand names."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from sepme_core.registry import audit, clock, cursors
from sepme_core.registry.database import serialise
from sepme_core.registry.errors import UnknownProtected
from sepme_core.registry.tables import Protected


def put(session: Session, name: str, prompts: list[str], holder: str) -> tuple[Protected, bool]:
    """Protect prompts under a name, in place of what it held; returns the row and whether it is new.

    Concepts accepted from now on pin them. Increments that exist stay as they are until they are made again.
    """
    serialise(session)
    row = session.get(Protected, name)
    if row is None:
        row = Protected(name=name, prompts=prompts)
        session.add(row)
        session.flush()
        audit.append(session, holder, "protect", name, details={"prompts": prompts})
        return row, True
    if row.prompts != prompts:
        audit.append(session, holder, "protect", name, details={"prompts": prompts, "before": row.prompts})
        row.prompts = prompts
        row.updated_at = clock.now(session)
        session.flush()
    return row, False


def get(session: Session, name: str) -> Protected:
    """Return one set of protected prompts.

    Raises:
        UnknownProtected: where there is none.
    """
    row = session.get(Protected, name)
    if row is None:
        raise UnknownProtected(name)
    return row


def everything(session: Session) -> list[Protected]:
    """Return all of it, by name."""
    return list(session.scalars(select(Protected).order_by(Protected.name)))


def list_page(session: Session, cursor: str | None, limit: int) -> cursors.Page[Protected]:
    """Return `limit` sets of protected prompts, by name.

    Raises:
        CursorInvalid: where the cursor is not one of this listing.
    """
    found = select(Protected).order_by(Protected.name).limit(limit + 1)
    if cursor is not None:
        found = found.where(Protected.name > cursors.decode(cursor, 1)[0])
    rows = list(session.scalars(found))
    return cursors.Page(rows[:limit], cursors.encode(rows[limit - 1].name) if len(rows) > limit else None)


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
