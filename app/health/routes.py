"""GET /livez, GET /readyz."""

from fastapi import APIRouter
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
async def get_readiness(services: ServicesDependency) -> Response:
    """What is up. 503 where the database is not usable: a problem with the same members."""
    found = await readiness(services)
    if found.status == "unusable":
        members = found.model_dump(exclude={"status"})
        headers = {"Retry-After": str(RETRY_SECONDS)}
        raise Problem(catalogue.DATABASE_UNAVAILABLE, found.database.detail, headers=headers, **members)
    return JSONResponse(found.model_dump())
