"""Fill a request with the model's defaults and hold it against the model's limits."""

import secrets
from collections.abc import Iterator, Mapping
from typing import Any

from app.generation.schemas import GenerateBody
from app.problems.problem import InvalidField, invalid

DRAWN_SEEDS = 2**32
_RANGES = ("count", "steps", "guidance_scale", "width", "height")


def complete(body: GenerateBody, model: Mapping[str, Any], spoken: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The whole request: what was asked, and the model's defaults for the rest.

    Args:
        body: The request.
        model: The model's description, its `defaults` and `limits`.
        spoken: Names of fields where the client's body has others, as in `{"count": "n"}`.

    Raises:
        Problem: `invalid-request`, naming every field that is out of the model's range.
    """
    request = body.model_dump(mode="json")
    for name, default in model["defaults"].items():
        if request.get(name, default) is None:
            request[name] = default
    if request["seed"] is None:
        request["seed"] = secrets.randbelow(DRAWN_SEEDS)
    names = spoken or {}
    fields = [
        InvalidField(location="body", pointer=f"#/{names.get(name, name)}", detail=detail)
        for name, detail in _out_of_range(request, model["limits"])
    ]
    if fields:
        raise invalid(*fields)
    return request


def _out_of_range(request: Mapping[str, Any], limits: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in _RANGES:
        low, high = limits[name]
        if not low <= request[name] <= high:
            rule = f"must be {low}" if low == high else f"must be from {low} to {high}"
            yield name, f"{name} {rule} for this model, not {request[name]}"
    least = limits.get("least_steps", {}).get(request["scheduler"], 1)
    if limits["steps"][0] <= request["steps"] < least:
        yield (
            "steps",
            f"steps must be at least {least} with the scheduler {request['scheduler']}, not {request['steps']}",
        )
    multiple = limits["multiple_of"]
    for name in ("width", "height"):
        if request[name] % multiple:
            yield name, f"{name} must be a multiple of {multiple} for this model, not {request[name]}"
    if request["scheduler"] not in limits["schedulers"]:
        known = ", ".join(limits["schedulers"])
        yield "scheduler", f"scheduler must be one of {known} for this model, not {request['scheduler']!r}"
