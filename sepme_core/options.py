"""What of an erasure can be set, with the defaults found on the demo model."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

Variant = Literal["sepme", "published"]
Start = Literal["closed-form", "zero"]
Target = Literal["by-kind", "counterpart", "substitute"]


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
        ranges = {
            "pictures": (4, 32),
            "max_steps": (0, 10_000),
            "seed": (0, 2**63 - 1),
            "learning_rate": (1e-8, 10.0),
            "threshold": (-1.0, 1.0),
            "momentum": (0.0, 0.999),
            "regulariser": (0.0, 1.0),
            "directions": (1, 256),
            "tolerance": (0.0, 0.5),
            "regular_weight": (0.0, 1e4),
            "listed_weight": (0.0, 1e6),
            "ridge": (0.0, 1e4),
            "anchor_weight": (0.0, 1e4),
            "batch_size": (1, 64),
        }
        chosen = {"variant": Variant, "start": Start, "target": Target}
        for name, choices in ((name, get_args(choice)) for name, choice in chosen.items()):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} must be one of {', '.join(choices)}, not {getattr(self, name)!r}")
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name} must lie between {low} and {high}, not {value}")

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
        kinds: dict[str, type[Any]] = {field.name: type(field.default) for field in fields(cls)}
        unknown = sorted(set(options) - set(kinds))
        if unknown:
            raise ValueError(f"{unknown[0]} is no option; the options are {', '.join(sorted(kinds))}")
        for name, value in options.items():
            fits = isinstance(value, (int, float)) if kinds[name] is float else isinstance(value, kinds[name])
            if isinstance(value, bool) or not fits:
                raise ValueError(f"{name} must be of type {kinds[name].__name__}, not {value!r}")
        given = {name: kinds[name](value) for name, value in options.items()}
        return cls(**(PUBLISHED if given.get("variant") == "published" else {}) | given)

    def to_options(self) -> dict[str, Any]:
        """Every setting by name."""
        return asdict(self)


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
