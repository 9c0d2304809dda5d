"""The request and answer of OpenAI's `POST /v1/images/generations`, with this service's extensions."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.fields import Body, Seed, Text
from app.generation.schemas import Erased, GenerateBody

SPOKEN = {"count": "n", "width": "size", "height": "size"}
"""How this body names what GenerateBody calls otherwise."""

_NOT_HAD = frozenset({"style", "complexity", "frame_count", "frame_duration_ms", "svg"})
"""OpenAI's fields of which only null asks for nothing."""


class OpenAIImagesBody(Body):
    """OpenAI's fields that mean something here, and the extensions `erased`, `seed`, `steps`, `guidance_scale`.

    Of fields that have no effect (`quality`, `background`, …) the values that ask for what is done anyway are taken,
    and null of any; others are refused rather than ignored.
    """

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"prompt": "a cat in the style of Van Gogh", "erased": ["van-gogh"]}]}
    )

    prompt: Text
    model: Annotated[str, Field(max_length=256)] | None = Field(
        default=None, description="The `name` of the model that is served (GET /model); another one is refused."
    )
    n: Annotated[int, Field(ge=1)] | None = None
    size: Annotated[str, Field(pattern=r"^(auto|[1-9][0-9]{0,4}x[1-9][0-9]{0,4})$")] | None = Field(
        default=None, description='"auto", or width and height as in "512x512".'
    )
    response_format: Literal["url", "b64_json"] | None = Field(default=None, description='Default: "url".')
    output_format: Literal["png"] | None = None
    output_compression: Literal[100] | None = Field(default=None, description="A PNG loses nothing.")
    quality: Literal["auto", "standard"] | None = Field(default=None, description="`steps` decides.")
    background: Literal["auto", "opaque"] | None = None
    moderation: Literal["auto"] | None = Field(default=None, description="`erased` decides.")
    stream: Literal[False] | None = Field(default=None, description="Progress is at GET /jobs/{id}/events.")
    partial_images: Literal[0] | None = None
    user: Annotated[str, Field(max_length=256)] | None = Field(default=None, description="Accepted, not used.")
    safety_identifier: Annotated[str, Field(max_length=256)] | None = Field(
        default=None, description="Accepted, not used."
    )
    erased: Erased = "active"
    seed: Seed | None = None
    steps: Annotated[int, Field(ge=1)] | None = None
    guidance_scale: Annotated[float, Field(ge=0)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, body: Any) -> Any:
        if not isinstance(body, dict):
            return body
        return {name: value for name, value in body.items() if value is not None or name not in _NOT_HAD}

    def generation(self) -> GenerateBody:
        """The same request in this service's own words."""
        sized = self.size not in (None, "auto")
        width, height = (int(side) for side in str(self.size).split("x")) if sized else (None, None)
        fields: dict[str, Any] = self.model_dump(include={"prompt", "erased", "seed", "steps", "guidance_scale"})
        return GenerateBody(**fields, count=self.n or 1, width=width, height=height)


class OpenAIImage(BaseModel):
    """A picture: where it is, or its bytes."""

    url: str | None = Field(default=None, description="Absolute, with `response_format` url.")
    b64_json: str | None = Field(default=None, description="The PNG in base64.")
    seed: int = Field(description="Extension: the picture's seed.")


class OpenAIImages(BaseModel):
    """OpenAI's answer, and the extensions `job`, `mask`, `base_digest`, `warnings`."""

    created: int = Field(description="Unix time.")
    data: list[OpenAIImage]
    output_format: Literal["png"] = "png"
    size: str
    job: str
    mask: dict[str, Any]
    base_digest: str
    warnings: list[str]
