"""What PUT /protected/{name} asks of the registry, and its answer: the prompts, or the job that is to protect them."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi.responses import JSONResponse, Response
from sqlalchemy.orm import Session

from app.jobs.answers import failure, job_response
from app.jobs.submission import Answer
from app.preferences import Preference
from app.problems import document_response
from sepme_core.registry import protected, protecting


def ask(session: Session, name: str, prompts: list[str], holder: str) -> Answer:
    """Have the prompts protected, now or by a job.

    Returns:
        The job under `jobs`, or what is protected under `protected`; and whether it `is_new` under that name, which
        holds until the job has ended: whoever protects or gives up the name meanwhile calls the job off.
    """
    accepted = protecting.accept(session, name, prompts, holder)
    return {
        "jobs": [accepted.job.id] if accepted.job else [],
        "protected": protected.document(accepted.row) if accepted.row else None,
        "is_new": accepted.is_new,
    }


def respond(answer: Answer, jobs: Sequence[dict[str, Any]], preference: Preference) -> Response:
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
