"""The answer to a request that made a job."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi.responses import JSONResponse, Response

from app.jobs.waiting import FINISHED
from app.preferences import Preference
from app.problems import Problem, catalogue, document_response

RETRY_SECONDS = 1

Document = dict[str, Any]


def failure(job: Document) -> Document | None:
    """The problem of a job that did not do its work, with the path of the job; None where it did or still may."""
    link = f"/jobs/{job['id']}"
    if job["state"] == "failed":
        slug = str(job["problem"]["type"]).rsplit("/", 1)[-1]
        remedy = {"remedy": catalogue.BY_SLUG[slug].remedy} if slug in catalogue.BY_SLUG else {}
        return {**remedy, **job["problem"], "job": link}
    if job["state"] == "cancelled":
        by = job["cancelled_by"]
        detail = f"The job was cancelled by {by}." if by else "The job was cancelled before it was done."
        return Problem(catalogue.JOB_CANCELLED, detail, job=link, cancelled_by=by).document()
    return None


def job_response(job: Document, preference: Preference) -> Response:
    """200 and the finished job, 202 and one under way, or the problem of a failed one that the client waited for."""
    link = f"/jobs/{job['id']}"
    problem = failure(job)
    if problem is not None and preference.wait is not None:
        return document_response(problem, instance=link, headers=preference.applied)
    if job["state"] in FINISHED:
        return JSONResponse(job, headers={"Content-Location": link, **preference.applied})
    headers = {"Location": link, "Retry-After": str(RETRY_SECONDS), **preference.applied}
    return JSONResponse(job, HTTPStatus.ACCEPTED, headers)


def jobs_response(jobs: Sequence[Document], preference: Preference) -> Response:
    """The same for several jobs. Failures are one problem: its status is theirs where they agree, else 409."""
    problems = [problem for job in jobs if (problem := failure(job)) is not None]
    if any(job["state"] not in FINISHED for job in jobs):
        headers = {"Retry-After": str(RETRY_SECONDS), **preference.applied}
        return JSONResponse({"items": list(jobs)}, HTTPStatus.ACCEPTED, headers)
    if problems and preference.wait is not None:
        return document_response(_joined(problems, len(jobs)), instance="/erasures", headers=preference.applied)
    return JSONResponse({"items": list(jobs)}, headers=preference.applied)


def _joined(problems: Sequence[Document], of: int) -> Document:
    detail = f"{len(problems)} of {of} erasures did not succeed."
    document = Problem(catalogue.ERASURES_FAILED, detail, problems=list(problems)).document()
    statuses = {int(problem["status"]) for problem in problems}
    return document | {"status": statuses.pop()} if len(statuses) == 1 else document
