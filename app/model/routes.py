"""GET /model."""

from typing import Any

from fastapi import APIRouter

from app.model.readiness import served_model
from app.model.schemas import ModelDocument
from app.problems.responses import PROBLEM_RESPONSE
from app.services import ServicesDependency

router = APIRouter(tags=["model"], responses=PROBLEM_RESPONSE)


@router.get("/model", response_model=ModelDocument)
async def get_model(services: ServicesDependency) -> dict[str, Any]:
    """What is served: its digest, defaults, limits, and the room left for concepts."""
    return await services.read(served_model)
