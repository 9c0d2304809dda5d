"""GET /protected, and GET, PUT, DELETE /protected/{name}."""

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from app.fields import SlugInPath
from app.holder import Holder
from app.jobs.responses import JOB_RESPONSES
from app.jobs.submission import SubmissionDependency
from app.pages import PageDependency
from app.problems.responses import PROBLEM_RESPONSE
from app.protected.protection import ask, respond
from app.protected.schemas import ProtectedBody, ProtectedDocument, ProtectedPage
from app.services import ServicesDependency
from sepme_core.registry import protected, protecting

router = APIRouter(tags=["protected"], responses=PROBLEM_RESPONSE)


@router.get("/protected", response_model=ProtectedPage)
async def list_protected(query: PageDependency, services: ServicesDependency) -> dict[str, Any]:
    """All protected entries, by name."""
    page = await services.read(lambda session: protected.list_page(session, query.cursor, query.limit))
    return {"items": [protected.document(row) for row in page.items], "next_cursor": page.next_cursor}


@router.get("/protected/{name}", response_model=ProtectedDocument)
async def get_protected(name: SlugInPath, services: ServicesDependency) -> dict[str, Any]:
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
    answer, jobs = await submission.once(body, lambda session: ask(session, name, body.prompts, submission.holder))
    submission.services.ring()
    return respond(answer, await submission.wait(jobs), submission.preference)


@router.delete("/protected/{name}", status_code=HTTPStatus.NO_CONTENT)
async def delete_protected(name: SlugInPath, services: ServicesDependency, holder: Holder) -> None:
    """Protect these prompts no longer; a job that is to protect prompts under this name is cancelled."""
    await services.write(lambda session: protecting.give_up(session, name, holder))
