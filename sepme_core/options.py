"""What of an erasure can be set: the options of a request, their ranges, and the defaults found on the demo model.

`ErasureOptions` is what is asked, by route, registry and method alike; `ErasureSettings` is what it comes to, complete.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sepme_core.terms import LARGEST_SEED

Variant = Literal["sepme", "published"]
Start = Literal["closed-form", "zero"]
Target = Literal["by-kind", "counterpart", "substitute"]


class ErasureOptions(BaseModel):
    """Settings of the eraser; what is left out is the method's own default. The ranges are the method's."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    variant: Variant | None = Field(
        default=None,
        description="This service's method, or the published one for comparison, which is never re-projected.",
    )
    start: Start | None = Field(
        default=None, description="The first iterate: the closed form, or zero as in the paper."
    )
    target: Target | None = Field(
        default=None,
        description="Where the closed form sends the concept: to the sentence without it, to its substitute, or by "
        "kind (a style to the first, all else to the second).",
    )
    pictures: Annotated[int, Field(ge=4, le=32)] | None = Field(
        default=None, description="Pictures that are looked at to decide whether it is forgotten."
    )
    max_steps: Annotated[int, Field(ge=0, le=10_000)] | None = Field(
        default=None, description="At most so many optimiser steps."
    )
    seed: Annotated[int, Field(ge=0, le=LARGEST_SEED)] | None = Field(
        default=None, description="The same seed gives the same increment."
    )
    learning_rate: Annotated[float, Field(ge=1e-8, le=10)] | None = None
    threshold: Annotated[float, Field(ge=-1, le=1)] | None = Field(
        default=None, description="Stop where the momentum of the loss falls to this part of the first loss."
    )
    momentum: Annotated[float, Field(ge=0, le=0.999)] | None = None
    regulariser: Annotated[float, Field(ge=0, le=1)] | None = None
    directions: Annotated[int, Field(ge=1, le=256)] | None = Field(
        default=None, description="Largest rank of the increment."
    )
    tolerance: Annotated[float, Field(ge=0, le=0.5)] | None = Field(
        default=None,
        description="Weaker directions of the protected prompts are not protected: a share of the strongest.",
    )
    regular_weight: Annotated[float, Field(ge=0, le=1e4)] | None = Field(
        default=None, description="What the action on regular prompts costs."
    )
    listed_weight: Annotated[float, Field(ge=0, le=1e6)] | None = Field(
        default=None, description="What the action on the listed prompts of what is protected costs."
    )
    ridge: Annotated[float, Field(ge=0, le=1e4)] | None = Field(default=None, description="Bounds the norm.")
    anchor_weight: Annotated[float, Field(ge=0, le=1e4)] | None = Field(
        default=None, description="What the distance to the same sentence without the concept costs."
    )
    batch_size: Annotated[int, Field(ge=1, le=64)] | None = None


@dataclass(frozen=True)
class ErasureSettings:
    """The settings of one erasure. Tuned on the demo model (`benchmarks/sweep.py`), not taken from the paper.

    Attributes:
        variant: This project's method, or the published one for comparison: the whole null space, all token rows of the
            bare prompts, zero start, no anchor, never re-projected. Its other settings have defaults of their own.
        start: The first w: the closed form, or zero as in the paper.
        target: Where the concept is sent: to the sentence without it, to the same sentence with its substitute, or by
            kind (a style and what is explicit to the first, all else to the second).
        pictures: How many pictures are looked at to decide whether it is forgotten.
        max_steps: Most optimiser steps.
        seed: Of the noise and the times.
        learning_rate: Of Adam, on w; the paper's beta * lr as one number, for directions of unit action.
        threshold: tau, relative to the first loss: the loop stops when the momentum lies within it, on either side of
            zero (in the published variant: when it comes down to it).
        momentum: alpha of the momentum stop; at the paper's 0.9 it lags so far behind that the loop steps beyond tau.
        regulariser: lambda, on the mean Frobenius norm over the layers.
        directions: Most columns of Q.
        tolerance: Directions of the protected prompts weaker than this share of the strongest are not protected.
        regular_weight: rho, what the action on the captions of the model costs.
        listed_weight: What the action on the sentences of everything protected costs, beyond their null space.
        ridge: What the action on nothing at all costs: bounds the norm.
        anchor_weight: What the distance to the noise of what is drawn instead costs, beside the correlation.
        batch_size: Noised latents a step.
    """

    variant: Variant = "sepme"
    start: Start = "closed-form"
    target: Target = "by-kind"
    pictures: int = 6
    max_steps: int = 1000
    seed: int = 0
    learning_rate: float = 3e-3
    threshold: float = 0.15
    momentum: float = 0.5
    regulariser: float = 1e-6
    directions: int = 16
    tolerance: float = 1e-2
    regular_weight: float = 3.0
    listed_weight: float = 100.0
    ridge: float = 1e-3
    anchor_weight: float = 0.5
    batch_size: int = 8

    def __post_init__(self) -> None:
        """Raise ValueError, naming the field, where a value is out of range."""
        check_options(asdict(self))

    @classmethod
    def from_stored(cls, options: Mapping[str, Any]) -> "ErasureSettings":
        """The settings in the file of an increment; those that only earlier releases knew are left out."""
        current = {name: value for name, value in options.items() if name in {field.name for field in fields(cls)}}
        if current.get("target") == "swap":
            current["target"] = "substitute"
        return cls.from_options(current)

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> "ErasureSettings":
        """The settings that a request's ``options`` give; the others keep their defaults.

        Raises:
            ValueError: an unknown option, or a value of the wrong kind or out of range; names the option.
        """
        given = check_options(options)
        return cls(**(PUBLISHED if given.get("variant") == "published" else {}) | given)

    def to_options(self) -> dict[str, Any]:
        """Every setting by name."""
        return asdict(self)


def check_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that are given, each as the type of its setting.

    Raises:
        ValueError: an unknown option, or a value of the wrong kind or out of range; begins with the option's name.
    """
    try:
        return ErasureOptions.model_validate(dict(options)).model_dump(exclude_none=True)
    except ValidationError as refusal:
        first = min(refusal.errors(include_url=False), key=lambda error: error["type"] != "extra_forbidden")
        name = str(first["loc"][0])
        if first["type"] == "extra_forbidden":
            raise ValueError(f"{name} is no option; the options are {', '.join(ErasureOptions.model_fields)}") from None
        said = first["msg"].removeprefix("Input ")
        raise ValueError(f"{name} {said}, not {first['input']!r}") from None


PUBLISHED: dict[str, Any] = {
    "variant": "published",
    "start": "zero",
    "learning_rate": 1e-3,
    "threshold": 0.0,
    "momentum": 0.9,
    "tolerance": 0.0,
    "regular_weight": 0.0,
    "listed_weight": 0.0,
    "ridge": 0.0,
    "anchor_weight": 0.0,
}
"""The published variant's own defaults. Its learning rate was tuned here: beta * lr = 1e-5 came from a trainer that
never cleared its gradients and from a basis of another scale."""
