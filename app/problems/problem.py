"""The exception that becomes a problem document, the response that carries one, and fields named by JSON pointers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, cast
from urllib.parse import quote

from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from sepme_core.documents import answers
from sepme_core.problems import INVALID_REQUEST, ProblemType

MEDIA_TYPE = "application/problem+json"
Responses = dict[int | str, dict[str, Any]]
_WORDED = {
    "extra_forbidden": "this field is not known",
    "missing": "this field is required",
    "model_attributes_type": "must be a JSON object",
    "model_type": "must be a JSON object",
    "dict_type": "must be a JSON object",
    "finite_number": "must be a finite number",
}


class Problem(Exception):
    """Raise it anywhere below a route: the client gets the document.

    Args:
        kind: What kind of problem, out of the catalogue.
        detail: What is wrong in this occurrence.
        remedy: Better advice than the kind's own, if there is any.
        headers: Response headers, such as `Retry-After`.
        members: Further members of the document (RFC 9457, section 3.2).
    """

    def __init__(
        self,
        kind: ProblemType,
        detail: str,
        *,
        remedy: str | None = None,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(f"{kind.slug}: {detail}")
        self.kind = kind
        self.detail = detail
        self.remedy = remedy or kind.remedy
        self.headers = dict(headers or {})
        self.members = members

    def document(self) -> answers.ProblemDocument:
        """The problem as RFC 9457 writes it."""
        return cast("answers.ProblemDocument", self.kind.document(self.detail, self.remedy) | self.members)


def pointer(parts: Iterable[str | int]) -> str:
    """A JSON pointer as a URI fragment (RFC 6901, section 6): `#/concepts/0/name`."""
    escaped = (str(part).replace("~", "~0").replace("/", "~1") for part in parts)
    return "#" + "".join("/" + quote(part, safe="~!$&'()*+,;=:@", errors="replace") for part in escaped)


class InvalidField(BaseModel):
    """One thing in the request that does not fit."""

    location: Literal["body", "path", "query", "header"] = Field(description="The part of the request it stands in.")
    pointer: str | None = Field(
        default=None,
        description="JSON pointer into the body, as a URI fragment (RFC 6901, section 6).",
        examples=["#/steps"],
    )
    name: str | None = Field(default=None, description="Name of the path or query parameter, or of the header.")
    detail: str = Field(description="What must hold.")


class ProblemDocument(BaseModel):
    """A problem (RFC 9457). Further members depend on the type."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(
        description="Which kind of problem; documented at this path.", examples=["/problems/invalid-request"]
    )
    title: str = Field(description="The kind in words, always the same.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What is wrong this time.")
    remedy: str | None = Field(default=None, description="What can be done about it.")
    instance: str | None = Field(default=None, description="The path that was asked for.")
    errors: list[InvalidField] | None = Field(default=None, description="The fields that do not fit.")


def invalid(*fields: InvalidField) -> Problem:
    """The problem for fields that do not fit, all of them at once."""
    listed = [field.model_dump(exclude_none=True) for field in fields]
    places = list(dict.fromkeys(field.pointer or field.name or field.location for field in fields))
    if len(places) == 1:
        detail = f"{places[0]}: {fields[0].detail}."
    else:
        detail = f"{len(places)} fields do not fit: {', '.join(places)}."
    return Problem(INVALID_REQUEST, detail, errors=listed)


def document_response(
    document: Mapping[str, Any], *, instance: str | None = None, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """A response whose body is the document and whose status is the document's own."""
    content = dict(document)
    if instance is not None:
        content.setdefault("instance", instance)
    return JSONResponse(content, status_code=int(content["status"]), media_type=MEDIA_TYPE, headers=dict(headers or {}))


PROBLEM_RESPONSE: Responses = {
    "default": {
        "description": "A problem (RFC 9457); its types are listed at `/problems`.",
        "model": ProblemDocument,
    }
}


def move_to_problem_type(document: dict[str, Any]) -> dict[str, Any]:
    """Give problems their media type in an OpenAPI document, and drop FastAPI's own 422, which is never sent."""
    for operations in document["paths"].values():
        for operation in operations.values():
            responses = operation["responses"]
            responses.pop("422", None)
            default = responses.pop("default")
            default["content"] = {MEDIA_TYPE: default["content"]["application/json"]}
            responses["default"] = default  # after those with a status
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    return document


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
