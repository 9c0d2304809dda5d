"""What is asked of an eraser, what it says while it works, and how it refuses."""

from dataclasses import dataclass, field
from typing import Any

from sepme_core.erasure.settings import ErasureSettings

KINDS = ("style", "object", "person", "explicit", "other")


@dataclass(frozen=True)
class KnownConcept:
    """A concept, or protected prompts, that an increment must not touch."""

    name: str
    kind: str
    prompts: tuple[str, ...]


@dataclass(frozen=True)
class ErasureRequest:
    """One concept to erase."""

    name: str
    kind: str
    prompts: tuple[str, ...]
    protect: tuple[str, ...] = ()
    override: bool = False
    settings: ErasureSettings = field(default_factory=ErasureSettings)

    def __post_init__(self) -> None:
        """Raise ValueError where the kind is unknown or nothing is named."""
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {self.kind!r}")
        if not self.prompts or not all(prompt.strip() for prompt in self.prompts):
            raise ValueError("prompts must hold at least one phrase, and no empty one")


@dataclass(frozen=True)
class Progress:
    """Where an erasure stands: loss is L_cor over its first value, momentum its running mean (equation 3)."""

    step: int
    of: int
    loss: float
    momentum: float
    message: str


class ErasureRefused(Exception):
    """An erasure that means or keeps nothing, refused before optimising, with the numbers that say so."""

    def __init__(self, code: str, title: str, detail: str, numbers: dict[str, Any]) -> None:
        super().__init__(detail)
        self.code, self.title, self.detail, self.numbers, self.status = code, title, detail, numbers, 409


def concept_too_close(name: str, other: str, overlap: float, limit: float) -> ErasureRefused:
    """Erasing the concept would act on a protected one about as strongly as on itself."""
    return ErasureRefused(
        "concept-too-close",
        "The concept is too close to a protected one",
        f"Erasing {name!r} would act on {other!r} with {overlap:.0%} of the strength that it has on {name!r} itself; at"
        f" most {limit:.0%} may be. Protect other prompts, or send override: true to give this protection up.",
        {"overlap": round(overlap, 4), "limit": limit, "closest": other},
    )


def no_capacity(needed: int, left: int, width: int) -> ErasureRefused:
    """The protected prompts leave no room."""
    return ErasureRefused(
        "no-capacity",
        "No room is left for another increment",
        f"The increment needs {needed} directions, and the protected prompts leave {left} of {width}. Purge concepts"
        " that no longer matter, protect fewer prompts, or raise options.tolerance.",
        {"needed": needed, "left": left, "width": width},
    )


def concept_not_drawn(name: str, strength: float, limit: float) -> ErasureRefused:
    """The base model draws nothing for the concept."""
    return ErasureRefused(
        "concept-not-drawn",
        "The base model does not draw this concept",
        f"The base model answers {name!r} with {strength:.2f} of the strength of its other concepts, where at least"
        f" {limit:.2f} is needed: there is nothing to erase. Check the spelling, or name the concept by other prompts.",
        {"strength": round(strength, 4), "limit": limit},
    )


FINDINGS = {
    "effect-lost": "{relative_loss:.0%} of the concept would come back, and at most {limit:.0%} may",
    "concept-too-close": "it acts on {closest!r} with {overlap:.0%} of its strength, and at most {limit:.0%} may be",
    "no-capacity": "it needs {needed} directions, and {left} of {width} would be left",
}
"""What is found of an increment that cannot make room, by the code of the refusal."""


def irrevocable_weakened(name: str, irrevocable: str, cause: ErasureRefused) -> ErasureRefused:
    """Leaving a known concept, or protected prompts, alone would undo what was erased for good; ``cause`` says how."""
    return ErasureRefused(
        "irrevocable-weakened",
        "An irrevocable erasure would be weakened",
        f"To leave {name!r} alone, the irrevocable erasure of {irrevocable!r} would have to make room, which it cannot:"
        f" {FINDINGS[cause.code].format(**cause.numbers)}. Say {name!r} by prompts that are further from"
        f" {irrevocable!r}, or by fewer.",
        {"irrevocable": irrevocable, "because": cause.code, **cause.numbers},
    )


def effect_lost(name: str, loss: float, limit: float) -> ErasureRefused:
    """What is known now leaves the increment too little room to go on erasing its concept."""
    return ErasureRefused(
        "effect-lost",
        "The increment would no longer erase its concept",
        f"With everything protected that is known now, {loss:.0%} of {name!r} would come back; at most {limit:.0%} may."
        " The earlier version goes on to serve. Purge the concepts that came since, or erase this one again with"
        " override: true or a larger options.tolerance.",
        {"relative_loss": round(loss, 4), "limit": limit},
    )
