"""One request as a value: where it goes, what it says, and whether it may be said twice."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from sepme.client.errors import InvalidArgument

LONG_SECONDS = 300.0
"""How long an answer may be away that the service works at, as it does at a bundle or the audit's whole chain."""


@dataclass(frozen=True)
class Call:
    """One request.

    Attributes:
        method: The HTTP method.
        path: Below the service's address.
        query: Parameters.
        body: Sent as JSON; None: no such body.
        png: Sent as a picture; None: no such body.
        headers: Further headers.
        repeatable: Whether twice is the same as once, so that it may be sent again when its answer was lost.
        retried: Whether it is sent again at all.
        read_seconds: How long the answer may be silent; None: as the client was told.
    """

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    png: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = True
    retried: bool = True
    read_seconds: float | None = None


def path(*parts: str) -> str:
    """A path of these segments.

    Raises:
        InvalidArgument: where one of them would lead elsewhere.
    """
    for part in parts:
        if part in {"", ".", ".."}:
            raise InvalidArgument(f"A name or id must say something other than {part!r}.")
    return "".join("/" + quote(part, safe="") for part in parts)


def get(*parts: str, **query: Any) -> Call:
    """Read something."""
    return Call("GET", path(*parts), query=said(query))


def delete(*parts: str, repeatable: bool, **query: Any) -> Call:
    """Take something away. Where the second time would be refused, it is not repeatable."""
    return Call("DELETE", path(*parts), query=said(query), repeatable=repeatable)


def make(*parts: str, method: str = "POST", **body: Any) -> Call:
    """Ask for something to be made, once, however often it is sent: under an `Idempotency-Key` of its own."""
    return Call(method, path(*parts), body=said(body), headers={"Idempotency-Key": uuid.uuid4().hex})


def make_unkeyed(*parts: str, **body: Any) -> Call:
    """The same below `/keys` and `/webhooks`, which remember no `Idempotency-Key`."""
    return Call("POST", path(*parts), body=said(body) or None, repeatable=False)


def said(members: Mapping[str, Any]) -> dict[str, Any]:
    """Those that are not None: what is left out has the service's default."""
    return {name: value for name, value in members.items() if value is not None}
