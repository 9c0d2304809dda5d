"""What is known of a picture."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from app.jobs.schemas import Mask, Picture


class Replay(BaseModel):
    """How a picture is made again: pictures of one batch differ by rounding from those that are drawn alone."""

    request: dict[str, Any] = Field(description="The body for POST /generate, all pictures of the batch at once.")
    row: int = Field(description="Which of them it is, from 0.")


class ImageDocument(Picture):
    """A picture and its record.

    On the same kind of device, under the same increments and library versions, the whole batch again is the same bytes.
    """

    job: str = Field(description="Path of the job that made it.")
    digest: str = Field(description="Of the PNG, by sha256.")
    bytes: int = Field(description="Size of the PNG.")
    base_digest: str
    mask: Mask
    record: dict[str, Any] = Field(description="As it stands in the PNG's metadata.")
    replay: Replay | None = Field(description="How it is made again; null of what was drawn to look at an erasure.")
    created_at: datetime
