"""Cursors of listings: opaque to clients, the sort key of a page's last row inside."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sepme_core.registry.errors import CursorInvalid

Row = TypeVar("Row")


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


def _plain(part: object) -> bool:
    """All that cursors are made of, names, ids and times, is printable ASCII."""
    return isinstance(part, str) and part.isascii() and part.isprintable()
