"""GET /jobs, GET /jobs/{id}, GET /jobs/{id}/events, POST /jobs/{id}/cancel."""

import re
from http import HTTPStatus
from time import monotonic
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Path, Query, Request
from fastapi.responses import JSONResponse, Response
from sqlalchemy.orm import Session

from app.headers import PreferenceDependency, json_response
from app.holders import Holder, HolderDependency
from app.jobs import waiting
from app.jobs.schemas import CancelBody, JobDocument, JobPage, JobQuery
from app.jobs.submission import SubmissionDependency
from app.jobs.waiting import finished_jobs
from app.permissions import check_cancelling
from app.problems import Problem
from app.problems.problem import PROBLEM_RESPONSE
from app.services import ServicesDependency
from sepme_core import problems
from sepme_core.registry import jobs, json_text

router = APIRouter(tags=["jobs"], responses=PROBLEM_RESPONSE)


async def get_job_id(job_id: Annotated[str, Path(description="The job's id, out of its `Location`.")]) -> str:
    """An id out of the path. What cannot be one is not looked for."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", job_id):
        raise Problem(problems.JOB_NOT_FOUND, f"No job has the id {job_id!r}.")
    return job_id


JobId = Annotated[str, Depends(get_job_id)]


@router.get("/jobs", response_model=JobPage)
async def list_jobs(
    query: Annotated[JobQuery, Query()], services: ServicesDependency, holder: HolderDependency
) -> Response:
    """Jobs, the newest first: those one made or was answered with; with the scope `jobs:read` everybody's."""
    return await services.read(lambda session: json_response(page(session, query, holder)))


def page(session: Session, query: JobQuery, holder: Holder) -> str:
    """One page of the jobs that a holder sees, as it is answered.

    Raises:
        CursorInvalid: Where the cursor is not one of this listing.
    """
    actor = None if holder.has("jobs:read") else holder.name
    found = jobs.page_of_texts(session, actor=actor, **query.model_dump())
    items = json_text.array(each.text for each in found.items)
    return json_text.document({"next_cursor": found.next_cursor}, {"items": items})


@router.get("/jobs/{job_id}", response_model=JobDocument)
async def get_job(
    job_id: JobId,
    request: Request,
    services: ServicesDependency,
    holder: HolderDependency,
    preference: PreferenceDependency,
) -> Response:
    """A job. `Prefer: wait=N` holds the line until it has finished; a failed job is an answer like any other here."""
    deadline = monotonic() + (preference.wait or 0)
    (job,) = await finished_jobs(services, request, holder, [job_id], deadline)
    position = None
    if job["state"] == "queued":
        position = await services.read(lambda session: jobs.positions(session, [job_id]).get(job_id))
    return JSONResponse({**job, "position": position}, headers=preference.applied)


@router.get(
    "/jobs/{job_id}/events",
    response_class=Response,
    responses={
        200: {
            "description": "`progress` events, then one of `succeeded`, `failed`, `cancelled`.",
            "content": waiting.CONTENT,
        },
        204: {"description": "The job has finished and `Last-Event-ID` is its last event: nothing will follow."},
    },
)
async def follow_job(
    job_id: JobId, services: ServicesDependency, holder: HolderDependency, last_event_id: waiting.LastEventId = None
) -> Response:
    """Follow a job by server-sent events; what came after `Last-Event-ID` is sent again.

    The data of `progress` are those of a job's `progress`. An erasure adds `loss`, L_cor of its last step over its
    value without an increment (1: nothing is erased; 0: unrelated), `momentum`, the running mean by which the loop
    stops, and `seconds_left`, where that can be told. The data of the last event are the job.
    """
    return await waiting.stream(services, holder, job_id, int(last_event_id or 0))


@router.post("/jobs/{job_id}/cancel", status_code=HTTPStatus.ACCEPTED, response_model=JobDocument)
async def cancel_job(
    job_id: JobId,
    submission: SubmissionDependency,
    body: Annotated[CancelBody, Body(default_factory=CancelBody)],
) -> Response:
    """Cancel a job: at once where it is queued, at its next step where it runs. A finished job cannot be cancelled."""

    def cancel(session: Session) -> list[str]:
        check_cancelling(session, submission.holder, job_id)
        return [jobs.request_cancel(session, job_id).id]

    accepted = await submission.accept(body, cancel)
    (job,) = await submission.wait(accepted)
    headers = {"Location": f"/jobs/{job_id}", **submission.preference.applied}
    return JSONResponse(job, HTTPStatus.ACCEPTED, headers)
