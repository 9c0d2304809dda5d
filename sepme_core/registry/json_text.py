"""Documents as JSON text. What is stored as JSON and sent as JSON is passed on as it is, and never read on the way."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Text, cast
from sqlalchemy.orm import InstrumentedAttribute

_spelt = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def stored(column: InstrumentedAttribute[Any]) -> ColumnElement[str]:
    """Select a JSON column as the text that it is; None where nothing is stored."""
    return cast(column, Text)


def document(members: Mapping[str, Any], texts: Mapping[str, str | None]) -> str:
    """Spell one document, of at least one member, out of members and of others that are JSON text already."""
    passed_on = "".join(f',"{name}":{text or "null"}' for name, text in texts.items())
    return f"{_spelt(members)[:-1]}{passed_on}}}"


def array(items: Iterable[str]) -> str:
    """Spell a list of what is JSON text already."""
    return f"[{','.join(items)}]"
