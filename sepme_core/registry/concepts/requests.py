"""The body of a request to erase, with its defaults filled in, so that equal requests are equal."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

NAME_FORM = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")

LATER_FIELDS: Mapping[str, Any] = {"substitute": None}
"""What requests did not say from the beginning, and what they meant."""


def erasure_request(body: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in the defaults of an erase body; `name` must be there, the rest may be.

    `same_as` says where the request belongs and is no part of what a job stores: see `naming.settle`.

    Raises:
        ValueError: where `name` is not 1–64 of `a-z 0-9 -` that start and end with a letter or digit.
    """
    name = body["name"]
    if not NAME_FORM.fullmatch(name):
        raise ValueError(f"{name!r} is not a name: 1-64 of a-z, 0-9 and -, first and last a letter or digit")
    return {
        "name": name,
        "same_as": body.get("same_as"),
        "kind": body.get("kind") or "other",
        "prompts": list(body.get("prompts") or [name.replace("-", " ")]),
        "protect": list(body.get("protect") or []),
        "substitute": body.get("substitute"),
        "irrevocable": bool(body.get("irrevocable", False)),
        "override": bool(body.get("override", False)),
        "options": dict(body.get("options") or {}),
    }


def joined(requests: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the requests of one group: each holds all of them, by name, since they are optimised together.

    Raises:
        ValueError: where one request alone is no group.
    """
    if len(requests) < 2:  # noqa: PLR2004  (the least that can be joined)
        raise ValueError("a joint erasure needs two concepts at least")
    alone = [{key: value for key, value in request.items() if key != "group"} for request in requests]
    group = sorted(alone, key=lambda request: str(request["name"]))
    return [{**request, "group": group} for request in alone]


def same(request: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether two requests ask for the same, whichever release stored them."""
    return _complete(request) == _complete(other)


def _complete(request: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in what requests stored by earlier releases do not say."""
    complete = {**LATER_FIELDS, **request}
    if "group" in request:
        complete["group"] = [_complete(member) for member in request["group"]]
    return complete


def making(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a request that decides the increment's bytes: all but whether it may be given back."""
    part = {key: value for key, value in _complete(request).items() if key not in ("irrevocable", "group")}
    if "group" in request:
        part["group"] = [making(member) for member in request["group"]]
    return part
