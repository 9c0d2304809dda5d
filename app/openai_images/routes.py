"""POST /v1/images/generations: pictures for clients that speak OpenAI's images API.

The line is always held, for as long as `Prefer: wait` says, else as long as the service allows: those clients know no
jobs. Errors are problem documents that also have the member `error`, which is what OpenAI's clients read.
"""

from base64 import b64encode
from datetime import datetime
from typing import Any

from anyio import to_thread
from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from sqlalchemy.orm import Session

from app.generation.acceptance import accept
from app.hosts import root_of
from app.images.routes import read_png
from app.jobs.answers import failure
from app.jobs.submission import Submission, SubmissionDependency
from app.jobs.waiting import Document
from app.model.readiness import served_model, wait_for_model
from app.openai_images.schemas import SPOKEN, OpenAIImages, OpenAIImagesBody
from app.problems import Problem, catalogue, document_response
from app.problems.handlers import openai_error
from app.problems.responses import PROBLEM_RESPONSE
from app.services import Services
from sepme_core.registry import images

router = APIRouter(tags=["generation"], responses=PROBLEM_RESPONSE)


@router.post("/v1/images/generations", response_model=OpenAIImages, response_model_exclude_none=True)
async def generate_openai_images(submission: SubmissionDependency, body: OpenAIImagesBody) -> Response:
    """Draw pictures, in the shape of OpenAI's images API."""
    limit = submission.services.settings.wait_limit_seconds
    await wait_for_model(submission.services, submission.request, submission.deadline(limit))
    accepted = await submission.accept(body, lambda session: [_accept(session, body, submission.holder)])
    (job,) = await submission.wait(accepted, limit)
    return await _answer(submission, body, job)


def _accept(session: Session, body: OpenAIImagesBody, holder: str) -> str:
    served = served_model(session)["name"]
    if body.model not in (None, served):
        raise Problem(catalogue.MODEL_NOT_FOUND, f"This service serves {served!r}, not {body.model!r}.", served=served)
    return accept(session, body.generation(), holder, SPOKEN)


async def _answer(submission: Submission, body: OpenAIImagesBody, job: Document) -> Response:
    path = submission.request.url.path
    problem = failure(job)
    if problem is not None:
        return document_response(problem | {"error": openai_error(problem)}, instance=path)
    if job["state"] != "succeeded":
        link = f"/jobs/{job['id']}"
        raise Problem(catalogue.GENERATION_TIMEOUT, f"The job is still {job['state']}.", job=link)
    if body.response_format == "b64_json":
        data = await to_thread.run_sync(_embedded, submission.services, job)
    else:
        root = root_of(submission.request).rstrip("/")
        data = [{"url": root + picture["url"], "seed": picture["seed"]} for picture in job["result"]["images"]]
    return JSONResponse(_document(job, data), headers=submission.preference.applied)


def _embedded(services: Services, job: Document) -> list[dict[str, Any]]:
    """The pictures of a finished job with their bytes in base64."""
    with services.reading() as session:
        rows = [images.get(session, picture["id"]) for picture in job["result"]["images"]]
    return [{"b64_json": b64encode(read_png(services, row.digest)).decode(), "seed": row.seed} for row in rows]


def _document(job: Document, data: list[dict[str, Any]]) -> Document:
    first = job["result"]["images"][0]
    return {
        "created": int(datetime.fromisoformat(job["created_at"]).timestamp()),
        "data": data,
        "output_format": "png",
        "size": f"{first['width']}x{first['height']}",
        "job": f"/jobs/{job['id']}",
        "mask": job["result"]["mask"],
        "base_digest": job["result"]["base_digest"],
        "warnings": job["result"].get("warnings", []),
    }
