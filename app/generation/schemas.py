"""What pictures may be asked with."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag

from app.fields import Body, Seed, Slug, Text


def _form(value: object) -> str | None:
    if isinstance(value, list):
        return "names"
    return "active" if value == "active" else None


Erased = Annotated[
    Annotated[Literal["active"], Tag("active")] | Annotated[list[Slug], Field(max_length=1000), Tag("names")],
    Discriminator(
        _form, custom_error_type="erased", custom_error_message='must be "active" or a list of names of concepts'
    ),
    Field(
        description='Exactly these concepts; "active": all that is erased now; []: none. What was '
        "erased for good (`irrevocable`) is added in any case, and the result's `mask` says so."
    ),
]


class BatchSpan(Body):
    """For so many denoising steps a batch of so many pictures."""

    size: Annotated[int, Field(ge=1, le=16)]
    steps: Annotated[int, Field(ge=1, le=1000)]


class GenerateBody(Body):
    """A request for pictures. What is left out is the model's default (GET /model)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"prompt": "a cat in the style of Van Gogh", "erased": ["van-gogh"], "seed": 7}]
        }
    )

    prompt: Annotated[
        Text,
        Field(
            description="Plain words. What is beyond the model's `prompt_tokens` is cut; weighting such as (cat:1.3),"
            " ((cat)), [cat] or <lora:name:0.8> is read as plain text. The result's `warnings` say so."
        ),
    ]
    negative_prompt: Text = ""
    erased: Erased = "active"
    seed: Seed | None = Field(
        default=None,
        description="Picture j has seed + j; left out: one is drawn and recorded. In batches of other sizes the same"
        " seed is the same picture up to rounding; GET /images/{id} says in `replay` how it is made to the bit.",
    )
    count: Annotated[int, Field(ge=1)] = 1
    steps: Annotated[int, Field(ge=1)] | None = None
    guidance_scale: Annotated[float, Field(ge=0)] | None = None
    width: Annotated[int, Field(ge=1)] | None = None
    height: Annotated[int, Field(ge=1)] | None = None
    scheduler: Annotated[str, Field(max_length=64)] | None = None
    batches: Annotated[list[BatchSpan], Field(min_length=1, max_length=256)] | None = Field(
        default=None,
        description="In batches of which sizes the pictures are denoised, as a record says it, the last to the end;"
        " places that they do not need are filled up. Left out: together with what else is asked for at the time."
        ' `[{"size": 1, "steps": 1}]` draws each by itself: the same pixels whatever the load.',
    )
