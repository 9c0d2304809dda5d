"""GET /problems: what the `type` of a problem means. `python -m app.problems.routes` writes `docs/problems.md`."""

from pathlib import Path

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.problems.problem import PROBLEM_RESPONSE, Problem
from sepme_core.problems import BY_SLUG, CATALOGUE, PATH_NOT_FOUND, ProblemType

router = APIRouter(tags=["problems"], responses=PROBLEM_RESPONSE)
PAGE = Path(__file__).parents[2] / "docs" / "problems.md"
_OPENING = """\
# Problems

Every error is a problem document (RFC 9457, `application/problem+json`): `type` (a path below the service's root,
listed here and served at `GET /problems/{slug}`), `title`, `status`, `detail`, `remedy`, `instance` (the path that was
asked for). Fields that do not fit are listed under `errors`, each with its `location` (`body`, `path`, `query`,
`header`), a `detail`, and a JSON pointer into the body (`"pointer": "#/concepts/0/name"`) or the `name` of the
parameter or header.

A job that failed keeps its problem (`GET /jobs/{id}`, `problem`). Where `Prefer: wait` held the line, the answer **is**
that problem, with its own status and the path of the `job`. Below `/v1/` a problem also has the member `error` that
OpenAI's clients read.

Written by `python -m app.problems.routes`; a test fails where this page and the program differ.

| type | status | title | remedy |
|---|---|---|---|
"""


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


def page() -> str:
    """The page as Markdown."""
    return _OPENING + "".join(
        f"| `{kind.uri}` | {kind.status} | {kind.title} | {kind.remedy} |\n" for kind in CATALOGUE
    )


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
