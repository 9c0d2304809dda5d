"""GET /problems: what the `type` of a problem means."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.problems.catalogue import BY_SLUG, CATALOGUE, PATH_NOT_FOUND, ProblemType
from app.problems.problem import Problem
from app.problems.responses import PROBLEM_RESPONSE

router = APIRouter(tags=["problems"], responses=PROBLEM_RESPONSE)


class ProblemDescription(BaseModel):
    """What one kind of problem means."""

    type: str = Field(description="The `type` member of such problems.")
    status: int
    title: str
    remedy: str


class ProblemList(BaseModel):
    """All kinds of problems."""

    items: list[ProblemDescription]


@router.get("/problems")
async def list_problems() -> ProblemList:
    """Every kind of problem this service answers with."""
    return ProblemList(items=[_describe(kind) for kind in CATALOGUE])


@router.get("/problems/{slug}")
async def get_problem(slug: str) -> ProblemDescription:
    """What the problem with this `type` means, and what to do about it."""
    if slug not in BY_SLUG:
        raise Problem(PATH_NOT_FOUND, f"There is no problem called {slug!r}.", remedy="GET /problems lists them all.")
    return _describe(BY_SLUG[slug])


def _describe(kind: ProblemType) -> ProblemDescription:
    return ProblemDescription(type=kind.uri, status=kind.status, title=kind.title, remedy=kind.remedy)
