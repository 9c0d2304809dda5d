"""What a protected entry is over HTTP."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from app.fields import GroundsBody, Prompts


class ProtectedBody(GroundsBody):
    """The prompts to protect, and on what grounds."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"prompts": ["the Acme logo", "Acme watermark"]}]})

    prompts: Prompts


class ProtectedDocument(BaseModel):
    """Prompts that no increment may change."""

    name: str
    prompts: list[str]
    created_at: datetime
    updated_at: datetime


class ProtectedPage(BaseModel):
    """One page of the protected entries."""

    items: list[ProtectedDocument]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null on the last one.")
