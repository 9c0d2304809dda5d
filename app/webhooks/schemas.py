"""What a webhook is over HTTP: what is asked for, and what is shown."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from app.fields import Body, Slug
from app.webhooks.reaching import LONGEST_URL
from sepme_core.registry.webhooks import OVERLAP_SECONDS
from sepme_core.terms import WEBHOOK_EVENTS, WebhookEvent


class WebhookBody(Body):
    """A webhook to be made."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "shop", "url": "https://hooks.example/sepme"}]},
    )

    name: Slug
    url: Annotated[str, Field(min_length=1, max_length=LONGEST_URL)] = Field(
        description="Where messages are posted: https, at public addresses, but for what SEPME_WEBHOOKS_ALLOW names."
    )
    events: Annotated[list[WebhookEvent], Field(min_length=1, max_length=len(WEBHOOK_EVENTS))] = Field(
        default=list(WEBHOOK_EVENTS), description="What it is told of; all where left out."
    )


class OverlapBody(Body):
    """How a webhook gets a new secret."""

    overlap_seconds: Annotated[float, Field(ge=0, le=30 * 86400)] = Field(
        default=OVERLAP_SECONDS, description="So long messages are signed with the old secret beside the new one."
    )


class Undelivered(BaseModel):
    """A message that was given up."""

    id: str = Field(description="The `webhook-id` that it was sent under.")
    event: str
    attempts: int
    status: str | None = Field(description="How the last attempt ended.")
    created_at: datetime
    given_up_at: datetime


class WebhookDocument(BaseModel):
    """A webhook without its secret."""

    name: str
    url: str
    events: list[str]
    from_settings: bool = Field(description="Whether SEPME_WEBHOOKS names it: no request changes or deletes it then.")
    made_by: str = Field(
        description="The name of the key that it was made with; `operator` where the settings name it."
    )
    created_at: datetime
    rotated_at: datetime | None = Field(description="When it got its present secret, where that is not its first.")
    disabled_at: datetime | None = Field(description="When it answered 410; nothing is sent to it since.")
    last_status: str | None = Field(description="How the last attempt to tell it anything ended.")
    last_sent_at: datetime | None
    waiting: int = Field(description="How many messages it was not sent yet, or did not take yet.")
    given_up: int = Field(description="How many it never took.")
    undelivered: list[Undelivered] = Field(description="The latest of those.")


class ShownWebhook(WebhookDocument):
    """A webhook as it is shown once."""

    secret: str = Field(description="What its messages are signed with. No other answer shows it.")


class WebhookPage(BaseModel):
    """One page of the webhooks, by name."""

    items: list[WebhookDocument]
    next_cursor: str | None


class WaitingMessage(BaseModel):
    """A message that will be sent."""

    id: str = Field(description="The `webhook-id` that it is sent under.")
