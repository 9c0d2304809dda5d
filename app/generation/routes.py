"""POST /generate."""

from fastapi import APIRouter
from fastapi.responses import Response

from app.generation.acceptance import accept
from app.generation.schemas import GenerateBody
from app.jobs.schemas import JOB_RESPONSES, JobDocument
from app.jobs.submission import SubmissionDependency
from app.model import wait_for_model
from app.problems.problem import PROBLEM_RESPONSE

router = APIRouter(tags=["generation"], responses=PROBLEM_RESPONSE)


@router.post("/generate", response_model=JobDocument, responses=JOB_RESPONSES)
async def generate(submission: SubmissionDependency, body: GenerateBody) -> Response:
    """Draw pictures with the given concepts erased. The mask is pinned when the request is accepted."""
    await wait_for_model(submission.services, submission.request, submission.deadline())
    accepted = await submission.accept(body, lambda session: [accept(session, body, submission.holder)])
    return await submission.answer(accepted)
