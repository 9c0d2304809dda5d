"""Rows found by their key, inserted where they are missing, and listed by pages with opaque cursors."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from sqlalchemy import Select, select
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.orm import Session

from sepme_core.registry.errors import CursorInvalid, RegistryError
from sepme_core.registry.tables import Concept, Key, Protected, Table, Webhook

Found = TypeVar("Found", bound=Table)


def find(session: Session, table: type[Found], key: str, unknown: Callable[[str], RegistryError]) -> Found:
    """Return the row with this key.

    Raises:
        RegistryError: where there is none, what `unknown` makes of the key.
    """
    row = session.get(table, key)
    if row is None:
        raise unknown(key)
    return row


def insert_missing(session: Session, table: type[Table], rows: Sequence[dict[str, Any]]) -> None:
    """Insert the rows whose key is not there."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(insert_postgresql(table).on_conflict_do_nothing(), rows)
    else:
        session.execute(insert_sqlite(table).on_conflict_do_nothing(), rows)


Row = TypeVar("Row")
Named = TypeVar("Named", Concept, Key, Protected, Webhook)
Selected = TypeVar("Selected", bound=Select[*tuple[Any, ...]])


class HasName(Protocol):
    """What is listed by name."""

    @property
    def name(self) -> str:
        """By which it is sorted."""
        ...


Listed = TypeVar("Listed", bound=HasName)


@dataclass(frozen=True)
class Page(Generic[Row]):
    """One page of a listing; `next_cursor` is None on the last."""

    items: Sequence[Row]
    next_cursor: str | None


def encode(*key: str) -> str:
    """Turn the sort key of a row into a cursor."""
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def decode(cursor: str, length: int) -> list[str]:
    """Turn a cursor back into its sort key of `length` texts.

    Raises:
        CursorInvalid: where it is no cursor, or one of another listing.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        key = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise CursorInvalid(cursor) from error
    if not isinstance(key, list) or len(key) != length or not all(_plain(part) for part in key):
        raise CursorInvalid(cursor)
    return key


def page_by_name(session: Session, table: type[Named], cursor: str | None, limit: int) -> Page[Named]:
    """Return `limit` rows of a table, by name.

    Raises:
        CursorInvalid: where the cursor is not one of such a listing.
    """
    return page_of_names(list(session.scalars(after_name(select(table), table, cursor, limit))), limit)


def after_name(rows: Selected, table: type[Named], cursor: str | None, limit: int) -> Selected:
    """Select of a table's rows those of one page, by name, and one more.

    Raises:
        CursorInvalid: where the cursor is not one of such a listing.
    """
    ordered = rows.order_by(table.name).limit(limit + 1)
    return ordered if cursor is None else ordered.where(table.name > decode(cursor, 1)[0])


def page_of_names(rows: Sequence[Listed], limit: int) -> Page[Listed]:
    """Return the page out of what `after_name` selected."""
    return Page(rows[:limit], encode(rows[limit - 1].name) if len(rows) > limit else None)


def _plain(part: object) -> bool:
    """All that cursors are made of, names, ids and times, is printable ASCII."""
    return isinstance(part, str) and part.isascii() and part.isprintable()
