"""GET /v1/models: what OpenAI's clients ask before they choose a model."""

from http import HTTPStatus

from fastapi import APIRouter, HTTPException
from sqlalchemy.orm import Session

from app.model.readiness import served_model
from app.openai_models.schemas import OpenAIModel, OpenAIModels
from app.problems import Problem, catalogue
from app.problems.responses import PROBLEM_RESPONSE
from app.services import ServicesDependency
from sepme_core.registry import serving

router = APIRouter(prefix="/v1/models", tags=["model"], responses=PROBLEM_RESPONSE)


@router.get("")
async def list_openai_models(services: ServicesDependency) -> OpenAIModels:
    """The model that is served, as OpenAI's clients list models."""
    return OpenAIModels(data=[await services.read(_served)])


@router.get("/{model_id:path}")
async def get_openai_model(model_id: str, services: ServicesDependency) -> OpenAIModel:
    """The same by its name, which may hold slashes."""
    if not model_id:  # the list with a slash too many
        raise HTTPException(HTTPStatus.NOT_FOUND)
    model = await services.read(_served)
    if model_id != model.id:
        detail = f"This service serves {model.id!r}, not {model_id!r}."
        raise Problem(catalogue.MODEL_NOT_FOUND, detail, served=model.id)
    return model


def _served(session: Session) -> OpenAIModel:
    name = served_model(session)["name"]
    return OpenAIModel(id=name, created=int(serving.announced_at(session).timestamp()))
