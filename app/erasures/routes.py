"""POST /erasures."""

from fastapi import APIRouter
from fastapi.responses import Response
from sqlalchemy.orm import Session

from app.erasures.schemas import ErasuresBody
from app.jobs.responses import JOBS_RESPONSES
from app.jobs.schemas import JobList
from app.jobs.submission import SubmissionDependency
from app.problems.problem import InvalidField, invalid
from app.problems.responses import PROBLEM_RESPONSE
from sepme_core.registry import concepts

router = APIRouter(tags=["concepts"], responses=PROBLEM_RESPONSE)


@router.post("/erasures", response_model=JobList, responses=JOBS_RESPONSES)
async def erase_concepts(submission: SubmissionDependency, body: ErasuresBody) -> Response:
    """Erase several concepts: accepted all or none, one job each, the same bytes whatever order they finish in."""
    refuse_repeats([concept.name for concept in body.concepts])
    accepted = await submission.accept(body, lambda session: _accept(session, body, submission.holder))
    return await submission.answer_all(accepted)


def refuse_repeats(names: list[str]) -> None:
    """Each concept once.

    Raises:
        Problem: `invalid-request`, with a pointer to every name that came before.
    """
    repeated = [place for place, name in enumerate(names) if name in names[:place]]
    if repeated:
        detail = "must not name a concept that this request has named before"
        raise invalid(
            *(InvalidField(location="body", pointer=f"#/concepts/{place}/name", detail=detail) for place in repeated)
        )


def _accept(session: Session, body: ErasuresBody, holder: str) -> list[str]:
    requests = [concept.request(concept.name) for concept in body.concepts]
    return [accepted.job.id for accepted in concepts.accept_erasures(session, requests, holder)]
