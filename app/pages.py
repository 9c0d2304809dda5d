"""Pages of a listing: `cursor` and `limit`."""

from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field


class PageQuery(BaseModel):
    """Which page of a listing. Parameters that are not known are refused: a slip would list the wrong things."""

    model_config = ConfigDict(extra="forbid")

    cursor: Annotated[str, Field(min_length=1, max_length=500)] | None = Field(
        default=None, description="`next_cursor` of the page before; leave it out for the first page."
    )
    limit: int = Field(default=50, ge=1, le=200, description="At most so many items.")


PageDependency = Annotated[PageQuery, Query()]
