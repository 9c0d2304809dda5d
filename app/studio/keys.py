"""GET /studio/keys: who may do what, for `admin`."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from app.fields import PageQuery
from app.holders import check_route
from app.keys.routes import listed
from app.services import ServicesDependency
from app.studio.pages import Known, PageRoute, VisitorDependency, render
from sepme_core.terms import SCOPES

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/studio/keys")
async def show_keys(
    request: Request,
    holder: Known,
    visitor: VisitorDependency,
    services: ServicesDependency,
    query: Annotated[PageQuery, Query()],
) -> Response:
    """The keys, without their secrets."""
    check_route(holder, ("GET", "/keys"))
    found: Any = await services.read(lambda session: listed(session, query))
    return render(
        request,
        visitor,
        "keys.html",
        "keys",
        keys=[{**key, "state": _state(key)} for key in found["items"]],
        next_cursor=found["next_cursor"],
        first=query.cursor is None and not found["items"],
        scopes=SCOPES,
    )


def _state(key: Any) -> str:
    if key["revoked_at"]:
        return "revoked"
    ended = key["expires_at"] and datetime.fromisoformat(key["expires_at"]) <= datetime.now(UTC)
    return "expired" if ended else "valid"
