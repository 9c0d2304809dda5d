"""GET /studio/audit: who did what, by concept and by case, and whether the chain holds."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import Field, field_validator

from app.audit import AuditQuery, entries
from app.health import readiness
from app.holders import check_route
from app.services import ServicesDependency
from app.studio.pages import Known, PageRoute, VisitorDependency, render

router = APIRouter(include_in_schema=False, route_class=PageRoute)
ACTIONS = {
    "erase": "erased",
    "reproject": "made again to leave alone what came later",
    "substitute": "made again, since what it drew instead was erased",
    "reactivate": "erased again, by what was stored",
    "restore": "restored",
    "purge": "purged",
    "make-irrevocable": "erased for good",
    "protect": "protected",
    "unprotect": "protected no longer",
    "further-name": "got a further name",
    "withdraw-further-name": "lost a further name",
    "case-noted": "noted on further grounds",
    "create-key": "made a key",
    "rotate-key": "gave a key a new secret",
    "revoke-key": "revoked a key",
}


class FormQuery(AuditQuery):
    """As the page's form sends it: a field that was left empty asks for nothing, and the newest comes first."""

    order: Literal["oldest", "newest"] = "newest"
    check: Literal["yes"] | None = Field(default=None, description="Walk the chain.")

    @field_validator("concept", "case", "cursor", mode="before")
    @classmethod
    def _nothing(cls, value: Any) -> Any:
        return value or None


@router.get("/studio/audit")
async def show_audit(
    request: Request,
    holder: Known,
    visitor: VisitorDependency,
    services: ServicesDependency,
    query: Annotated[FormQuery, Query()],
) -> Response:
    """The audit. Its chain is walked where that is asked for, which takes longer the more there is."""
    check_route(holder, ("GET", "/audit"))
    found = await services.read(lambda session: entries(session, query))
    chain = (await readiness(services, full=True)).audit if query.check else None
    return render(
        request,
        visitor,
        "audit.html",
        "audit",
        entries=found["items"],
        next_cursor=found["next_cursor"],
        query=query,
        chain=chain,
        actions=ACTIONS,
    )
