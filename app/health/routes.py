"""GET /livez, GET /readyz."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, Response

from app.health.checks import readiness
from app.health.schemas import Life, Readiness
from app.problems import Problem, catalogue
from app.problems.responses import PROBLEM_RESPONSE
from app.services import ServicesDependency

router = APIRouter(tags=["health"], responses=PROBLEM_RESPONSE)

RETRY_SECONDS = 5


@router.get("/livez")
async def get_life() -> Life:
    """Whether the process answers; nothing else is looked at."""
    return Life()


@router.get("/readyz", response_model=Readiness)
async def get_readiness(
    services: ServicesDependency,
    full: Annotated[
        Literal["", "true", "false"],
        Query(description="Present, or true: walk the audit's whole chain too, which takes longer the more there is."),
    ] = "false",
) -> Response:
    """What is up. 503 where the database is not usable: a problem with the same members."""
    found = await readiness(services, full=full != "false")
    if found.status == "unusable":
        members = found.model_dump(exclude={"status"}, exclude_none=True)
        headers = {"Retry-After": str(RETRY_SECONDS)}
        raise Problem(catalogue.DATABASE_UNAVAILABLE, found.database.detail, headers=headers, **members)
    return JSONResponse(found.model_dump(exclude_none=True))
