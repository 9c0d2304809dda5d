"""The body of a request to erase, with its defaults filled in, so that equal requests are equal."""

import re
from collections.abc import Mapping
from typing import Any

NAME_FORM = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")


def erasure_request(body: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in the defaults of an erase body; `name` must be there, the rest may be.

    Raises:
        ValueError: where `name` is not 1–64 of `a-z 0-9 -` that start and end with a letter or digit.
    """
    name = body["name"]
    if not NAME_FORM.fullmatch(name):
        raise ValueError(f"{name!r} is not a name: 1-64 of a-z, 0-9 and -, first and last a letter or digit")
    return {
        "name": name,
        "kind": body.get("kind") or "other",
        "prompts": list(body.get("prompts") or [name.replace("-", " ")]),
        "protect": list(body.get("protect") or []),
        "irrevocable": bool(body.get("irrevocable", False)),
        "override": bool(body.get("override", False)),
        "options": dict(body.get("options") or {}),
    }


def making(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a request that decides the increment's bytes: all but whether it may be given back."""
    return {key: value for key, value in request.items() if key != "irrevocable"}
