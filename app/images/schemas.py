"""What is known of a picture."""

from datetime import datetime
from typing import Any

from pydantic import Field

from app.jobs.schemas import Mask, Picture


class ImageDocument(Picture):
    """A picture's record: with it, on the same kind of device, the same request gives the same bytes."""

    job: str = Field(description="Path of the job that made it.")
    digest: str = Field(description="Of the PNG, by sha256.")
    bytes: int = Field(description="Size of the PNG.")
    base_digest: str
    mask: Mask
    record: dict[str, Any] = Field(description="As it stands in the PNG's metadata.")
    created_at: datetime
