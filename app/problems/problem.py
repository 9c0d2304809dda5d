"""The exception that becomes a problem document, and the response that carries one."""

from collections.abc import Mapping
from typing import Any, Literal

from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from app.problems.catalogue import INVALID_REQUEST, ProblemType

MEDIA_TYPE = "application/problem+json"


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

    def document(self) -> dict[str, Any]:
        """The problem as RFC 9457 writes it."""
        return {
            "type": self.kind.uri,
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": self.detail,
            "remedy": self.remedy,
            **self.members,
        }


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
