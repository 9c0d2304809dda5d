"""GET /protected, and GET, PUT, DELETE /protected/{name}."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, Response
from sqlalchemy.orm import Session

from app.fields import GroundsQuery, PageDependency, SlugInPath
from app.headers import Preference
from app.holders import Actor
from app.jobs.schemas import JOB_RESPONSES
from app.jobs.submission import SubmissionDependency, failure, job_response
from app.problems import document_response
from app.problems.problem import PROBLEM_RESPONSE
from app.protected.schemas import ProtectedBody, ProtectedDocument, ProtectedPage
from app.services import ServicesDependency
from sepme_core.documents import answers
from sepme_core.documents.answers import Answer, JobDocument
from sepme_core.registry import protected

router = APIRouter(tags=["protected"], responses=PROBLEM_RESPONSE)


@router.get("/protected", response_model=ProtectedPage)
async def list_protected(query: PageDependency, services: ServicesDependency) -> dict[str, Any]:
    """All protected entries, by name."""
    page = await services.read(lambda session: protected.list_page(session, query.cursor, query.limit))
    return {"items": [protected.document(row) for row in page.items], "next_cursor": page.next_cursor}


@router.get("/protected/{name}", response_model=ProtectedDocument)
async def get_protected(name: SlugInPath, services: ServicesDependency) -> answers.ProtectedDocument:
    """One protected entry."""
    return await services.read(lambda session: protected.document(protected.get(session, name)))


@router.put(
    "/protected/{name}",
    response_model=ProtectedDocument,
    responses={201: {"description": "It is new.", "model": ProtectedDocument}, 202: JOB_RESPONSES[202]},
)
async def put_protected(name: SlugInPath, submission: SubmissionDependency, body: ProtectedBody) -> Response:
    """Protect prompts: no increment may change them. Stored ones are re-projected, and serve as they are until then.

    The answer is a job where something is erased for good, which first sees whether that would be weakened; and where a
    prompt may be longer than the model reads (`prompt_tokens` of GET /model): one that is, is refused.
    """
    answer, jobs = await submission.accept_once(body, lambda session: ask(session, name, body, submission.actor))
    submission.services.ring()
    return respond(answer, await submission.wait(jobs), submission.preference)


@router.delete("/protected/{name}", status_code=HTTPStatus.NO_CONTENT)
async def delete_protected(
    name: SlugInPath, query: Annotated[GroundsQuery, Query()], services: ServicesDependency, actor: Actor
) -> None:
    """Protect these prompts no longer; a job that is to protect prompts under this name is cancelled."""
    await services.write(lambda session: protected.give_up(session, name, actor, query.grounds))


def ask(session: Session, name: str, body: ProtectedBody, actor: str) -> Answer:
    """Have the prompts protected, now or by a job.

    Returns:
        The job under `jobs`, or what is protected under `protected`; and whether it `is_new` under that name, which
        holds until the job has ended: whoever protects or gives up the name meanwhile calls the job off.
    """
    accepted = protected.accept(session, name, body.prompts, actor, body.grounds)
    return {
        "jobs": [accepted.job.id] if accepted.job else [],
        "protected": protected.document(accepted.row) if accepted.row else None,
        "is_new": accepted.is_new,
    }


def respond(answer: Answer, jobs: Sequence[JobDocument], preference: Preference) -> Response:
    """201 or 200 and what is protected, 202 and the job under way, or the problem that it ended with."""
    status = HTTPStatus.CREATED if answer["is_new"] else HTTPStatus.OK
    if not jobs:
        return JSONResponse(answer["protected"], status, preference.applied)
    (job,) = jobs
    problem = failure(job)
    if problem is not None:
        return document_response(problem, instance=f"/jobs/{job['id']}", headers=preference.applied)
    if job["state"] == "succeeded":
        return JSONResponse(job["result"], status, preference.applied)
    return job_response(job, preference)
