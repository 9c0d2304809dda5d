"""What is said of the model that is served."""

from pydantic import BaseModel, ConfigDict, Field

from app.concepts.schemas import Capacity


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
