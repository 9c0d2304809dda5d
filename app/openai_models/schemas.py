"""OpenAI's model and list of models."""

from typing import Literal

from pydantic import BaseModel, Field


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
