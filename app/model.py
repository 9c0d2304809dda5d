"""GET /model, and GET /v1/models for OpenAI's clients: the model that is served, as a worker announced it."""

import asyncio
from http import HTTPStatus
from time import monotonic
from typing import Literal

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from app.concepts.schemas import Capacity
from app.problems import Problem
from app.problems.problem import PROBLEM_RESPONSE
from app.services import Services, ServicesDependency, is_draining
from sepme_core import problems
from sepme_core.documents.answers import ModelDescription
from sepme_core.registry import serving

RETRY_SECONDS = 5
PAUSE_SECONDS = 0.5
router = APIRouter(tags=["model"], responses=PROBLEM_RESPONSE)


class Defaults(BaseModel):
    """What a request gets that does not say."""

    model_config = ConfigDict(extra="allow")

    steps: int
    guidance_scale: float
    width: int
    height: int
    scheduler: str


class Limits(BaseModel):
    """What a request may ask for: smallest and largest value, both included."""

    model_config = ConfigDict(extra="allow")

    steps: tuple[int, int]
    width: tuple[int, int]
    height: tuple[int, int]
    multiple_of: int = Field(description="Width and height must be multiples of it.")
    count: tuple[int, int]
    guidance_scale: tuple[float, float]
    schedulers: list[str]
    least_steps: dict[str, int] = Field(
        default_factory=dict, description="By scheduler: fewer steps than that it does not take."
    )
    prompt_tokens: int | None = Field(
        default=None, description="How many tokens of a prompt the model reads; what is beyond is cut, and said."
    )


class Suggestions(BaseModel):
    """What the model card says it draws; empty for models without."""

    model_config = ConfigDict(extra="allow")

    styles: list[str]
    objects: list[str]
    prompt: str


class Signing(BaseModel):
    """Whether pictures carry a signed manifest (C2PA)."""

    pictures: Literal["required", "marked", "off"] = Field(
        description="`marked`: one that could not be signed says so in its warnings."
    )
    keyid: str | None = Field(
        description="The sha256 of the public key's SubjectPublicKeyInfo; null where nothing can be signed."
    )


class ModelDocument(BaseModel):
    """The model that is served."""

    model_config = ConfigDict(extra="allow")

    name: str
    family: str
    base_digest: str = Field(
        description="Of all that decides what a prompt means: tokenizer, text encoder, U-Net, scheduler."
    )
    defaults: Defaults
    limits: Limits
    capacity: Capacity | None = None
    suggestions: Suggestions
    signing: Signing | None = Field(default=None, description="Null of a worker of an earlier release.")


class OpenAIModel(BaseModel):
    """A model that may be named in `model`."""

    id: str = Field(description="The `name` that GET /model answers.")
    object: Literal["model"] = "model"
    created: int = Field(description="Unix time at which a worker last announced it.")
    owned_by: Literal["sepme"] = "sepme"


class OpenAIModels(BaseModel):
    """All models there are: the one that is served."""

    object: Literal["list"] = "list"
    data: list[OpenAIModel]


@router.get("/model", response_model=ModelDocument)
async def get_model(services: ServicesDependency) -> ModelDescription:
    """What is served: its digest, defaults, limits, and the room left for concepts."""
    return await services.read(served_model)


@router.get("/v1/models")
async def list_openai_models(services: ServicesDependency) -> OpenAIModels:
    """The model that is served, as OpenAI's clients list models."""
    return OpenAIModels(data=[await services.read(_served)])


@router.get("/v1/models/{model_id:path}")
async def get_openai_model(model_id: str, services: ServicesDependency) -> OpenAIModel:
    """The same by its name, which may hold slashes."""
    if not model_id:  # the list with a slash too many
        raise HTTPException(HTTPStatus.NOT_FOUND)
    model = await services.read(_served)
    if model_id != model.id:
        detail = f"This service serves {model.id!r}, not {model_id!r}."
        raise Problem(problems.MODEL_NOT_FOUND, detail, served=model.id)
    return model


def served_model(session: Session) -> ModelDescription:
    """The description of the model that is served.

    Raises:
        Problem: `model-not-ready` where no worker has announced one yet.
    """
    model = serving.current_model(session)
    if model is None:
        detail = "No worker has loaded a model yet, so its limits are not known."
        raise Problem(problems.MODEL_NOT_READY, detail, headers={"Retry-After": str(RETRY_SECONDS)})
    return model


async def wait_for_model(services: Services, request: Request, deadline: float) -> ModelDescription:
    """The same, waiting for a worker to announce one until `deadline` (`time.monotonic`).

    Raises:
        Problem: `model-not-ready` where none has by then, or the client has gone.
    """
    while True:
        try:
            return await services.read(served_model)
        except Problem:
            left = deadline - monotonic()
            if left <= 0 or is_draining() or await request.is_disconnected():
                raise
            await asyncio.sleep(min(PAUSE_SECONDS, left))


def _served(session: Session) -> OpenAIModel:
    name = served_model(session)["name"]
    return OpenAIModel(id=name, created=int(serving.announced_at(session).timestamp()))
