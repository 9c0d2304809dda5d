"""What is said of the service's health."""

from typing import Literal

from pydantic import BaseModel, Field


class Life(BaseModel):
    """The process answers."""

    status: Literal["up"] = "up"


class Part(BaseModel):
    """One part of the surroundings."""

    status: Literal["up", "degraded", "down"]
    detail: str


class Readiness(BaseModel):
    """What is up. Only the database decides whether requests can be taken: without the others they wait as rows."""

    status: Literal["ready", "degraded", "unusable"]
    database: Part = Field(description="Degraded: it answers, and nothing can be written at present.")
    broker: Part = Field(description="Degraded: workers hear of jobs once it is back; rows wait.")
    workers: dict[str, Part] = Field(description="By queue: `erase`, `generate`.")
    model: Part = Field(description="Degraded: no worker has announced a model yet.")
