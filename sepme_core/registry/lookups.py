"""Rows found by their key."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.orm import Session

from sepme_core.registry.errors import RegistryError
from sepme_core.registry.tables import Base

Row = TypeVar("Row", bound=Base)


def find(session: Session, table: type[Row], key: str, unknown: Callable[[str], RegistryError]) -> Row:
    """Return the row with this key.

    Raises:
        RegistryError: where there is none, what `unknown` makes of the key.
    """
    row = session.get(table, key)
    if row is None:
        raise unknown(key)
    return row
