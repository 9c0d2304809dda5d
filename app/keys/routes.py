"""GET, POST /keys, GET, DELETE /keys/{name}, POST /keys/{name}/rotate."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter
from fastapi import Body as BodyField
from fastapi.responses import JSONResponse, Response
from sqlalchemy.orm import Session

from app.fields import PageDependency, PageQuery, SlugInPath
from app.holders import Actor
from app.keys.schemas import KeyBody, KeyDocument, KeyPage, RotationBody, ShownKey
from app.problems import Problem
from app.problems.problem import PROBLEM_RESPONSE, InvalidField, invalid
from app.services import Services, ServicesDependency
from sepme_core import problems
from sepme_core.documents import answers
from sepme_core.registry import key_secrets, key_use, keys, types
from sepme_core.registry.tables import Key

router = APIRouter(tags=["keys"], responses=PROBLEM_RESPONSE)


@router.get("/keys", response_model=KeyPage)
async def list_keys(query: PageDependency, services: ServicesDependency) -> Response:
    """All keys, by name, revoked ones too."""
    return JSONResponse(await services.read(lambda session: listed(session, query)))


def listed(session: Session, query: PageQuery) -> Mapping[str, object]:
    """One page of the keys, as it is answered.

    Raises:
        CursorInvalid: Where the cursor is not one of this listing.
    """
    page = keys.page(session, query.cursor, query.limit)
    return {"items": used(session, page.items), "next_cursor": page.next_cursor}


def used(session: Session, found: Sequence[Key]) -> list[answers.KeyDocument]:
    """Keys as documents, with their use."""
    use = key_use.use(session, [key.name for key in found])
    return [{**keys.document(key), "use": use[key.name]} for key in found]


@router.post("/keys", response_model=ShownKey, status_code=HTTPStatus.CREATED)
async def create_key(body: KeyBody, services: ServicesDependency, actor: Actor) -> Response:
    """Make a key. Its text is in this answer alone. With the first one the service closes to all who have none."""

    def make(session: Session) -> keys.Made:
        if body.expires_at is not None and body.expires_at <= types.now(session):
            raise invalid(InvalidField(location="body", pointer="#/expires_at", detail="must lie in the future"))
        wanted = keys.Wanted(body.name, body.scopes, body.floor, body.quotas.model_dump(), body.expires_at)
        return keys.create(session, wanted, pepper_of(services), actor)

    made = await services.write(lambda session: _shown(make(session)))
    return JSONResponse(made, HTTPStatus.CREATED, {"Location": f"/keys/{body.name}"})


@router.get("/keys/{name}", response_model=KeyDocument)
async def get_key(name: SlugInPath, services: ServicesDependency) -> Response:
    """A key, without its secret."""
    return JSONResponse(await services.read(lambda session: used(session, [keys.get(session, name)])[0]))


@router.delete("/keys/{name}", response_model=KeyDocument)
async def revoke_key(name: SlugInPath, services: ServicesDependency, actor: Actor) -> Response:
    """Revoke a key, for good. Jobs that were accepted go on. Idempotent."""
    return JSONResponse(await services.write(lambda session: keys.document(keys.revoke(session, name, actor))))


@router.post("/keys/{name}/rotate", response_model=ShownKey)
async def rotate_key(
    name: SlugInPath,
    services: ServicesDependency,
    actor: Actor,
    body: Annotated[RotationBody, BodyField(default_factory=RotationBody)],
) -> Response:
    """Give a key a new secret. All else stays: jobs and pictures are of its name."""

    def rotate(session: Session) -> Mapping[str, object]:
        return _shown(keys.rotate(session, name, pepper_of(services), actor, body.overlap_seconds))

    return JSONResponse(await services.write(rotate))


def pepper_of(services: Services) -> bytes:
    """What keys are hashed with, made with the first of them.

    Raises:
        Problem: `storage-unusable`.
    """
    try:
        return key_secrets.make_pepper(services.settings.keys_pepper)
    except key_secrets.PepperUnusable as reason:
        raise Problem(problems.STORAGE_UNUSABLE, f"No key can be made: {reason}.") from reason


def _shown(made: keys.Made) -> Mapping[str, object]:
    return {**keys.document(made.key), "key": made.text}
