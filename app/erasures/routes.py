"""POST /erasures, POST /erasures/again."""

from typing import Annotated

from fastapi import APIRouter, Body
from fastapi.responses import Response
from sqlalchemy.orm import Session

from app.erasures.schemas import AgainBody, ErasuresBody
from app.jobs.responses import JOBS_RESPONSES
from app.jobs.schemas import JobList
from app.jobs.submission import Submission, SubmissionDependency
from app.model.readiness import served_model
from app.problems.problem import InvalidField, Problem, invalid
from app.problems.responses import PROBLEM_RESPONSE
from app.registry_problems import NOT_ITSELF
from sepme_core.registry import concepts
from sepme_core.registry.errors import ConceptNamedTwice, SameAsItself

router = APIRouter(tags=["concepts"], responses=PROBLEM_RESPONSE)


@router.post("/erasures", response_model=JobList, responses=JOBS_RESPONSES)
async def erase_concepts(submission: SubmissionDependency, body: ErasuresBody) -> Response:
    """Erase several concepts: accepted all or none, one job each, the same bytes whatever order they finish in."""
    refuse_repeats([concept.name for concept in body.concepts])
    refuse_lone_joint(body)
    accepted = await submission.accept(body, lambda session: _accept(session, body, submission))
    return await submission.answer_all(accepted)


@router.post("/erasures/again", response_model=JobList, responses=JOBS_RESPONSES)
async def erase_again(
    submission: SubmissionDependency, body: Annotated[AgainBody, Body(default_factory=AgainBody)]
) -> Response:
    """Erase all that is stored for another model again, for the one that is served. What is restored stays so."""
    accepted = await submission.accept(body, lambda session: _accept_again(session, submission.holder))
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


def refuse_lone_joint(body: ErasuresBody) -> None:
    """A joint erasure has two concepts at least.

    Raises:
        Problem: `invalid-request`.
    """
    if body.joint and len(body.concepts) == 1:
        detail = "must be false for one concept: there is nothing to optimise it with"
        raise invalid(InvalidField(location="body", pointer="#/joint", detail=detail))


def _accept(session: Session, body: ErasuresBody, submission: Submission) -> list[str]:
    requests = [concept.request(concept.name) for concept in body.concepts]
    try:
        accepted = concepts.accept_erasures(
            session, requests, submission.holder, joint=body.joint, blobs=submission.services.blobs
        )
    except ConceptNamedTwice as error:
        field = "name" if requests[error.place]["same_as"] is None else "same_as"
        raise _misnamed(error.place, field, f"comes to {error.name!r}, which this request has named before") from error
    except SameAsItself as error:
        raise _misnamed(error.place, "same_as", NOT_ITSELF) from error
    return [one.job.id for one in accepted]


def _misnamed(place: int, field: str, detail: str) -> Problem:
    return invalid(InvalidField(location="body", pointer=f"#/concepts/{place}/{field}", detail=detail))


def _accept_again(session: Session, holder: str) -> list[str]:
    base_digest = served_model(session)["base_digest"]
    return [accepted.job.id for accepted in concepts.accept_again(session, base_digest, holder)]
