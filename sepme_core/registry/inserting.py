"""Rows inserted where they are not there yet: two transactions may want the same at once."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.orm import Session

from sepme_core.registry.tables import Base


def insert_missing(session: Session, table: type[Base], rows: Sequence[dict[str, Any]]) -> None:
    """Insert the rows whose key is not there."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(insert_postgresql(table).on_conflict_do_nothing(), rows)
    else:
        session.execute(insert_sqlite(table).on_conflict_do_nothing(), rows)
