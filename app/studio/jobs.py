"""GET /studio/jobs: what waits, what runs, what became of the rest."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import field_validator

from app.holders import Holder
from app.jobs import routes as jobs
from app.jobs.schemas import JobQuery
from app.jobs.submission import failure
from app.services import ServicesDependency
from app.studio.pages import Known, PageRoute, VisitorDependency, render
from sepme_core.terms import JOB_KINDS, JOB_STATES, LIVE_STATES

router = APIRouter(include_in_schema=False, route_class=PageRoute)
TITLES = {
    "erase": "Erase",
    "reproject": "Leave alone what came later",
    "protect": "Protect prompts",
    "generate": "Draw",
    "evaluate": "Evaluate",
}


class FormQuery(JobQuery):
    """As the page's form sends it: a field that was left empty asks for nothing."""

    @field_validator("state", "kind", "concept", "case", "cursor", mode="before")
    @classmethod
    def _nothing(cls, value: Any) -> Any:
        return value or None


@dataclass(frozen=True)
class Listed:
    """A job as the page lists it.

    Attributes:
        job: As the API answers it.
        title: What it does, in words.
        about: The concept, or the prompt.
        share: How much of it is done; None where that cannot be told.
        left: How long it will still take, in words; empty where that cannot be told.
        problem: What went wrong, with what can be done.
        pictures: What it has drawn.
        live: Whether it waits or runs.
    """

    job: Mapping[str, Any]
    title: str
    about: str
    share: float | None
    left: str
    problem: Any
    pictures: list[str]
    live: bool


@router.get("/studio/jobs")
async def show_jobs(
    request: Request,
    holder: Known,
    visitor: VisitorDependency,
    services: ServicesDependency,
    query: Annotated[FormQuery, Query()],
) -> Response:
    """The jobs that the holder sees, the newest first; the page asks again by itself."""
    found = json.loads(await services.read(lambda session: jobs.page(session, query, holder)))
    listed = [_listed(job) for job in found["items"]]
    return render(
        request,
        visitor,
        "jobs.html",
        "jobs",
        jobs=listed,
        live=any(each.live for each in listed),
        next_cursor=found["next_cursor"],
        query=query,
        here=request.url.query,
        sees_all=_sees_all(holder),
        may_cancel_all=holder.has("admin"),
        kinds=JOB_KINDS,
        states=JOB_STATES,
        titles=TITLES,
    )


def _sees_all(holder: Holder) -> bool:
    return holder.has("jobs:read")


def _listed(job: Any) -> Listed:
    result = job["result"] or {}
    return Listed(
        job=job,
        title=TITLES[job["kind"]],
        about=job["concept"] or job["request"].get("prompt", ""),
        share=_share(job),
        left=_left(job),
        problem=failure(job) if job["state"] == "failed" else None,
        pictures=[each["id"] for each in result.get("images", [])],
        live=job["state"] in LIVE_STATES,
    )


def _share(job: Mapping[str, Any]) -> float | None:
    step, of = job["progress"]["step"], job["progress"]["of"]
    return step / of if step and of else None


def _left(job: Mapping[str, Any]) -> str:
    """By how long the steps took so far; an erasure may stop at any step, and tells its own time in its message."""
    done = _share(job)
    if job["state"] != "running" or job["kind"] != "generate" or not done:
        return ""
    taken = (datetime.now(UTC) - datetime.fromisoformat(job["started_at"])).total_seconds()
    return f"about {max(taken / done - taken, 1):.0f} s left"
