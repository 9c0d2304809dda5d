"""GET /audit."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from app.fields import Case, PageQuery, Slug
from app.problems.problem import PROBLEM_RESPONSE
from app.services import ServicesDependency
from sepme_core.registry import audit

router = APIRouter(tags=["audit"], responses=PROBLEM_RESPONSE)


class AuditEntry(BaseModel):
    """A link of the chain: `hash` is of the canonical JSON of all other members, `previous_hash` among them."""

    sequence: int
    at: str = Field(description="RFC 3339, UTC.")
    actor: str
    action: str
    concept: str | None
    from_digest: str | None = Field(description="The increment that served before.")
    to_digest: str | None = Field(description="The increment that serves since.")
    details: dict[str, Any] = Field(description="Anything else: `case` and `reason` where they were given, among it.")
    case: str | None = Field(default=None, description="That of `details`; left out where there is none.")
    previous_hash: str
    hash: str


class AuditPage(BaseModel):
    """One page of the audit log, in the order that was asked for."""

    items: list[AuditEntry]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null on the last one.")


class AuditQuery(PageQuery):
    """Which entries to list."""

    concept: Slug | None = None
    case: Case | None = Field(default=None, description="Exactly this one; with `concept` too, entries of both.")
    order: Literal["oldest", "newest"] = Field(default="oldest", description="Which entry comes first.")


@router.get("/audit", response_model=AuditPage, response_model_exclude_unset=True)
async def list_audit(query: Annotated[AuditQuery, Query()], services: ServicesDependency) -> dict[str, Any]:
    """Who changed what, when, from which digest to which. Whether the chain holds says `GET /readyz?full`."""
    return await services.read(lambda session: entries(session, query))


def entries(session: Session, query: AuditQuery) -> dict[str, Any]:
    """One page of them, as it is answered.

    Raises:
        CursorInvalid: Where the cursor is not one of this listing.
    """
    found = audit.page(
        session, query.cursor, query.limit, query.concept, query.case, newest_first=query.order == "newest"
    )
    return {"items": [audit.document(entry) for entry in found.items], "next_cursor": found.next_cursor}
