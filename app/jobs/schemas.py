"""What a job is over HTTP, and what the OpenAPI document says of requests that make jobs."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from app.concepts.schemas import ConceptDocument
from app.fields import Body, Case, PageQuery, Slug
from app.problems.problem import PROBLEM_RESPONSE, Responses
from app.protected.schemas import ProtectedDocument
from sepme_core.terms import JobKind, JobState


class Progress(BaseModel):
    """How far a job has come."""

    step: int
    of: int
    message: str


class MaskedConcept(BaseModel):
    """An increment that was applied."""

    name: str
    version: int = Field(description="0: it was never published.")
    digest: str


class Mask(BaseModel):
    """The increments that a request was answered with, pinned when it was accepted."""

    digest: str
    concepts: list[MaskedConcept]


class Picture(BaseModel):
    """A finished picture."""

    id: str
    url: str = Field(description="Path of the PNG; with `Accept: application/json`, of its record.")
    seed: int
    sha256: str = Field(description="Of the raw pixels, as RGB bytes.")
    width: int
    height: int


class Pictures(BaseModel):
    """The result of generating."""

    images: list[Picture]
    mask: Mask
    base_digest: str
    warnings: list[str] = Field(
        default_factory=list,
        description="What they were drawn without: the end of a prompt that is too long, the meaning of weighting.",
    )


class JobDocument(BaseModel):
    """Work that was asked for."""

    model_config = ConfigDict(extra="allow")

    id: str
    kind: JobKind
    state: JobState
    position: int | None = Field(
        default=None,
        description="Of `GET /jobs` and `GET /jobs/{id}`: how many jobs of its queue are to be taken up until it is, "
        "itself included, as things stand; null where it does not wait.",
    )
    concept: str | None = Field(default=None, description="The concept, or the protected entry, it is about, if any.")
    request: dict[str, Any] = Field(description="The request as it was accepted, defaults filled in.")
    case: str | None = Field(
        description="Under which it was asked for, if that was said; no part of the request. Who was answered with the "
        "job of another key sees the case, `reason` and `request_id` of its own request."
    )
    reason: str | None = Field(description="Why it was asked for, if that was said.")
    progress: Progress
    attempt: int = Field(description="How often a worker took it up.")
    cancel_requested: bool = Field(description="Whether it is to be cancelled; one that runs ends at its next step.")
    cancelled_by: str | None = Field(description="What cancelled it, or asked for that, in words.")
    request_id: str | None = Field(
        default=None, description="The `X-Request-Id` of the request that it is for; null where it is for none."
    )
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    result: ConceptDocument | ProtectedDocument | Pictures | dict[str, Any] | None = Field(
        description="Of an erasure: the concept. Of protecting: the protected entry. Of generating: the pictures."
    )
    problem: dict[str, Any] | None = Field(description="The problem document, where it failed.")


class JobQuery(PageQuery):
    """Which jobs to list, the newest first."""

    state: JobState | None = None
    kind: JobKind | None = None
    concept: Slug | None = None
    case: Case | None = Field(default=None, description="Exactly this one.")


class CancelBody(Body):
    """Nothing is to be said about a cancellation; the body may be left out."""


class JobPage(BaseModel):
    """One page of the jobs, the newest first."""

    items: list[JobDocument]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null on the last one.")


class JobList(BaseModel):
    """The jobs of one request."""

    items: list[JobDocument]


_APPLIED = {"Preference-Applied": {"description": "The wait that was granted.", "schema": {"type": "string"}}}
_RETRY = {"Retry-After": {"description": "Seconds until it is worth looking.", "schema": {"type": "integer"}}}
_LOCATION = {"Location": {"description": "Path of the job.", "schema": {"type": "string"}}}


def _responses(model: type[Any], accepted_headers: dict[str, Any]) -> Responses:
    return {
        200: {
            "description": "Finished within the wait, or nothing was left to do.",
            "model": model,
            "headers": _APPLIED,
        },
        202: {
            "description": "Accepted; the work is under way.",
            "model": model,
            "headers": {**accepted_headers, **_RETRY, **_APPLIED},
        },
        **PROBLEM_RESPONSE,
    }


JOB_RESPONSES = _responses(JobDocument, _LOCATION)
JOBS_RESPONSES = _responses(JobList, {})
