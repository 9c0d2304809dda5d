"""From pydantic's errors to fields named by JSON pointers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal
from urllib.parse import quote

from app.problems.problem import InvalidField

_WORDED = {
    "extra_forbidden": "this field is not known",
    "missing": "this field is required",
    "model_attributes_type": "must be a JSON object",
    "model_type": "must be a JSON object",
    "dict_type": "must be a JSON object",
    "finite_number": "must be a finite number",
}


def pointer(parts: Iterable[str | int]) -> str:
    """A JSON pointer as a URI fragment (RFC 6901, section 6): `#/concepts/0/name`."""
    escaped = (str(part).replace("~", "~0").replace("/", "~1") for part in parts)
    return "#" + "".join("/" + quote(part, safe="~!$&'()*+,;=:@", errors="replace") for part in escaped)


def path_in_body(location: Sequence[str | int], body: Any) -> list[str | int]:
    """Keep the parts of a pydantic location that are steps into the body.

    Unions put the names of their branches between them. Those are no steps: the walk leaves out what the body does not
    have, but for the last part, which may well be what is missing.
    """
    steps: list[str | int] = []
    here = body
    for number, part in enumerate(location):
        in_object = isinstance(here, Mapping) and part in here
        in_list = isinstance(here, list) and isinstance(part, int) and part < len(here)
        is_last = number == len(location) - 1
        if in_object or in_list:
            here = here[part]
            steps.append(part)
        elif is_last and isinstance(here, Mapping) and isinstance(part, str):
            steps.append(part)
    return steps


def invalid_fields(errors: Iterable[Mapping[str, Any]], body: Any) -> list[InvalidField]:
    """One entry a field: what several branches of a union say of it is joined."""
    fields: dict[tuple[str, str], InvalidField] = {}
    for error in errors:
        field = _field(error, body)
        key = (field.location, field.pointer or field.name or "")
        known = fields.get(key)
        if known is None:
            fields[key] = field
        elif field.detail not in known.detail:
            known.detail = f"{known.detail}, or {field.detail}"
    return list(fields.values())


def _field(error: Mapping[str, Any], body: Any) -> InvalidField:
    place, *rest = error["loc"]
    detail = _WORDED.get(error["type"], _lowered(error["msg"]))
    if place == "body":
        if not rest and error["type"] == "missing":
            detail = "a JSON object is required"
        return InvalidField(location="body", pointer=pointer(path_in_body(rest, body)), detail=detail)
    location: Literal["path", "query", "header"] = place
    return InvalidField(location=location, name=str(rest[0]) if rest else None, detail=detail)


def _lowered(message: str) -> str:
    """Pydantic's sentence in the form of a rule: "Input should be …" becomes "must be …"."""
    for prefix, rule in (
        ("Value error, ", ""),
        ("Input should ", "must "),
        ("String should ", "must "),
        ("List should ", "must "),
    ):
        if message.startswith(prefix):
            return rule + message[len(prefix) :]
    return message[:1].lower() + message[1:]
