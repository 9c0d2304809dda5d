"""Several erasures in one request."""

from typing import Annotated

from pydantic import ConfigDict, Field

from app.concepts.schemas import ErasureBody
from app.fields import Body, Slug


class NamedErasure(ErasureBody):
    """One of several erasures: the body of a single one, and its name."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "van-gogh", "kind": "style"}]})

    name: Slug


class ErasuresBody(Body):
    """The concepts to erase: accepted all or none."""

    concepts: Annotated[list[NamedErasure], Field(min_length=1, max_length=100)]
    joint: bool = Field(
        default=False, description="True: optimise them together, balanced against each other; two at least."
    )


class AgainBody(Body):
    """Nothing is to be said about erasing again; the body may be left out."""
