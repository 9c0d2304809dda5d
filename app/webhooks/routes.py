"""GET, POST /webhooks, GET, DELETE /webhooks/{name}, POST /webhooks/{name}/test, …/enable, …/rotate."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter
from fastapi import Body as BodyField
from fastapi.responses import JSONResponse, Response
from sqlalchemy.orm import Session

from app.fields import PageDependency, SlugInPath
from app.holders import Actor
from app.problems.problem import PROBLEM_RESPONSE, InvalidField, invalid
from app.services import ServicesDependency
from app.webhooks import reaching
from app.webhooks.schemas import OverlapBody, ShownWebhook, WaitingMessage, WebhookBody, WebhookDocument, WebhookPage
from sepme_core.registry import webhooks

router = APIRouter(tags=["webhooks"], responses=PROBLEM_RESPONSE)


@router.get("/webhooks", response_model=WebhookPage)
async def list_webhooks(query: PageDependency, services: ServicesDependency) -> Response:
    """All webhooks, by name."""

    def read(session: Session) -> Mapping[str, object]:
        page = webhooks.page(session, query.cursor, query.limit)
        return {"items": [webhooks.document(session, each) for each in page.items], "next_cursor": page.next_cursor}

    return JSONResponse(await services.read(read))


@router.post("/webhooks", response_model=ShownWebhook, status_code=HTTPStatus.CREATED)
async def create_webhook(body: WebhookBody, services: ServicesDependency, actor: Actor) -> Response:
    """Have somebody told what is erased, restored and re-projected, and which jobs fail, signed by Standard Webhooks.

    Its secret is in this answer alone.
    """
    allowed = reaching.allowed(services.settings.webhooks_allow)
    try:
        await to_thread.run_sync(reaching.look, body.url, allowed)
    except reaching.Unreachable as reason:
        raise invalid(InvalidField(location="body", pointer="#/url", detail=str(reason))) from reason

    def make(session: Session) -> Mapping[str, object]:
        return _shown(session, webhooks.create(session, body.name, body.url, body.events, actor))

    return JSONResponse(await services.write(make), HTTPStatus.CREATED, {"Location": f"/webhooks/{body.name}"})


@router.get("/webhooks/{name}", response_model=WebhookDocument)
async def get_webhook(name: SlugInPath, services: ServicesDependency) -> Response:
    """A webhook, without its secret, and how telling it went."""
    return JSONResponse(await services.read(lambda session: webhooks.document(session, webhooks.get(session, name))))


@router.delete("/webhooks/{name}", response_model=WebhookDocument)
async def delete_webhook(name: SlugInPath, services: ServicesDependency, actor: Actor) -> Response:
    """Delete a webhook, with what it was not told yet; answers it as it was."""
    return JSONResponse(await services.write(lambda session: webhooks.remove(session, name, actor)))


@router.post("/webhooks/{name}/test", response_model=WaitingMessage, status_code=HTTPStatus.ACCEPTED)
async def test_webhook(name: SlugInPath, services: ServicesDependency) -> Response:
    """Send it the event `test`, within seconds; GET tells how that went."""
    message = await services.write(lambda session: webhooks.test(session, name))
    return JSONResponse({"id": message}, HTTPStatus.ACCEPTED)


@router.post("/webhooks/{name}/enable", response_model=WebhookDocument)
async def enable_webhook(name: SlugInPath, services: ServicesDependency, actor: Actor) -> Response:
    """Send to a webhook again that was disabled by 410: what happens from now on. Idempotent."""

    def enable(session: Session) -> Mapping[str, object]:
        return webhooks.document(session, webhooks.enable(session, name, actor))

    return JSONResponse(await services.write(enable))


@router.post("/webhooks/{name}/rotate", response_model=ShownWebhook)
async def rotate_webhook(
    name: SlugInPath,
    services: ServicesDependency,
    actor: Actor,
    body: Annotated[OverlapBody, BodyField(default_factory=OverlapBody)],
) -> Response:
    """Give a webhook a new secret, which is in this answer alone. Both sign for a while: the receiver takes either."""

    def rotate(session: Session) -> Mapping[str, object]:
        return _shown(session, webhooks.rotate(session, name, actor, body.overlap_seconds))

    return JSONResponse(await services.write(rotate))


def _shown(session: Session, made: webhooks.Made) -> Mapping[str, object]:
    return {**webhooks.document(session, made.webhook), "secret": made.secret}
