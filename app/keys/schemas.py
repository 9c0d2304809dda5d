"""What a key is over HTTP: what is asked for, and what is shown."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from app.fields import Body, Slug
from sepme_core.terms import SCOPES, Scope

MOST_SCOPES, MOST_FLOOR = len(SCOPES), 1000
_SCOPES_SAID = "; ".join(f"`{scope}`: {words}" for scope, words in SCOPES.items())
Count = Annotated[int, Field(ge=1, le=2**31 - 1)]
Floor = Literal["active", "none"] | Annotated[list[Slug], Field(min_length=1, max_length=MOST_FLOOR)]


class QuotasBody(Body):
    """Bounds on what is asked for with a key; null: none."""

    waiting_jobs: Count | None = Field(default=None, description="Jobs of it that may wait at once.")
    pictures_a_minute: Count | None = None
    erasures_a_day: Count | None = None


class KeyBody(Body):
    """A key to be made."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "shop", "scopes": ["generate"], "floor": ["van-gogh"]}]}
    )

    name: Slug = Field(description="Whose it is: jobs and pictures belong to the name. Never given twice.")
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=MOST_SCOPES)] = Field(
        description=f"What it is good for. {_SCOPES_SAID}."
    )
    floor: Floor = Field(
        default="active",
        description="What its pictures can never lack: all that is erased at the time, these concepts, or `none`.",
    )
    quotas: QuotasBody = Field(default_factory=QuotasBody)
    expires_at: Annotated[AwareDatetime, Field(strict=False)] | None = Field(
        default=None, description="When it ends by itself, with an offset from UTC (RFC 3339); null: never."
    )


class RotationBody(Body):
    """How a key gets a new secret."""

    overlap_seconds: Annotated[float, Field(ge=0, le=30 * 86400)] = Field(
        default=0.0, description="So long the old secret is good beside the new one."
    )


class Quotas(BaseModel):
    """Bounds on what is asked for with a key; null: none."""

    waiting_jobs: int | None = None
    pictures_a_minute: int | None = None
    erasures_a_day: int | None = None


class KeyUse(BaseModel):
    """What was asked for with a key of late."""

    waiting_jobs: int = Field(description="Jobs of it that wait at present.")
    erasures: int = Field(description="Accepted in the last 24 hours.")
    generations: int = Field(description="Requests for pictures that were accepted in the last 24 hours.")


class KeyDocument(BaseModel):
    """A key without its secret."""

    id: str = Field(description="The part of the key that may be shown.")
    name: str
    scopes: list[str]
    floor: str | list[str]
    quotas: Quotas
    made_by: str = Field(description="The name of the key that it was made with, or `operator` on the machine itself.")
    created_at: datetime
    rotated_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None
    used_at: datetime | None = Field(description="When it was used last, to the minute.")
    use: KeyUse | None = Field(default=None, description="Of `GET /keys` and `GET /keys/{name}`.")


class ShownKey(KeyDocument):
    """A key as it is shown once."""

    key: str = Field(description="The whole key, for `Authorization: Bearer`. It is kept nowhere.")


class KeyPage(BaseModel):
    """One page of the keys, by name, revoked ones too."""

    items: list[KeyDocument]
    next_cursor: str | None
