"""How an eraser refuses: each refusal with the numbers and the pictures that say so."""

from collections.abc import Sequence
from typing import Any

from sepme_core import problems
from sepme_core.drawing.request import Picture
from sepme_core.problems import ProblemType


class ErasureRefused(Exception):
    """An erasure that means, keeps or forgets nothing, with the numbers that say so and the pictures, if any."""

    def __init__(self, kind: ProblemType, detail: str, numbers: dict[str, Any]) -> None:
        super().__init__(detail)
        self.kind, self.detail, self.numbers = kind, detail, numbers
        self.pictures: Sequence[Picture] = ()

    @property
    def code(self) -> str:
        """The kind by its name."""
        return self.kind.slug


def concept_too_close(name: str, other: str, overlap: float, seen: int, of: int) -> ErasureRefused:
    """Beside a protected concept that it would act on, the concept is not forgotten."""
    return ErasureRefused(
        problems.CONCEPT_TOO_CLOSE,
        f"Erasing {name!r} would act on {other!r} with {overlap:.0%} of the strength that it has on itself, and"
        f" with {other!r} left alone {name!r} is still seen in {seen} of {of} pictures. Protect other prompts, or send"
        " override: true to give this protection up.",
        {"overlap": round(overlap, 4), "closest": other, "seen": seen, "of": of},
    )


def comes_back(name: str, other: str, seen_as: str, overlap: float, seen: int, of: int) -> ErasureRefused:
    """Under the increments of both, one of two close concepts is seen again."""
    return ErasureRefused(
        problems.CONCEPT_TOO_CLOSE,
        f"With {name!r} erased beside {other!r}, on which it would act with {overlap:.0%} of its strength, {seen_as!r}"
        f" is seen in {seen} of {of} pictures. Erase them as one concept (same_as: {other!r}), or send override: true"
        " to publish it as it is, marked so.",
        {"overlap": round(overlap, 4), "closest": other, "seen_as": seen_as, "seen": seen, "of": of},
    )


def no_capacity(needed: int, left: int, width: int) -> ErasureRefused:
    """The protected prompts leave no room."""
    return ErasureRefused(
        problems.NO_CAPACITY,
        f"The increment needs {needed} directions, and the protected prompts leave {left} of {width}. Purge concepts"
        " that no longer matter, protect fewer prompts, or raise options.tolerance.",
        {"needed": needed, "left": left, "width": width},
    )


def concept_not_drawn(name: str, strength: float, limit: float) -> ErasureRefused:
    """The base model draws nothing for the concept."""
    return ErasureRefused(
        problems.CONCEPT_NOT_DRAWN,
        f"The base model answers {name!r} with {strength:.2f} of the strength of its other concepts, where at least"
        f" {limit:.2f} is needed: there seems to be nothing to erase. Check the spelling, name the concept by other"
        " prompts, or send override: true to erase it all the same.",
        {"strength": round(strength, 4), "limit": limit},
    )


def substitute_erased(name: str, phrase: str, erased: str) -> ErasureRefused:
    """What a request wants drawn instead is erased itself."""
    return ErasureRefused(
        problems.SUBSTITUTE_ERASED,
        f"{phrase!r}, which is to be drawn instead of {name!r}, would draw {erased!r}, which is erased. Name another"
        " substitute, or leave the field out and one is chosen.",
        {"substitute": phrase, "erased": erased},
    )


def not_forgotten(name: str, seen: int, of: int, limit: int) -> ErasureRefused:
    """Pictures still show the concept under the best increment that was found."""
    return ErasureRefused(
        problems.NOT_FORGOTTEN,
        f"{name!r} is seen in {seen} of {of} pictures under the best increment that was found, and in at most {limit}"
        " it may be. Name it by other prompts, or another substitute, allow more options.directions, or send override:"
        " true to publish it as it is, marked so.",
        {"seen": seen, "of": of, "limit": limit},
    )


def not_finite() -> ErasureRefused:
    """An increment under which the model's answers are no numbers any more: it overflowed."""
    return ErasureRefused(
        problems.NOT_FINITE,
        "Under the increment that was made the model's answers are not finite. Send a smaller options.learning_rate or"
        " a larger options.ridge.",
        {},
    )


def same_concept(name: str, same_as: str, seen: int, of: int) -> ErasureRefused:
    """An erased concept covers the newcomer already: under its increment the newcomer is not drawn."""
    return ErasureRefused(
        problems.SAME_CONCEPT,
        f"{name!r} is erased already, as {same_as!r}: under that increment it is seen in {seen} of {of} pictures. Add"
        f" it to {same_as!r} as a further wording, and what serves, is restored or counted is the same concept.",
        {"same_as": same_as, "seen": seen, "of": of},
    )


SAME_WORDS = ProblemType("same-words", 409, "The same words are erased", "Say it by other words.")
"""Never answered by itself: it is a reason of `irrevocable-weakened`."""

FINDINGS = {
    "effect-lost": "it would be seen in {seen} of {of} pictures, where now it is seen in {limit}",
    "concept-too-close": "it acts on {closest!r} with {overlap:.0%} of its strength, and would be seen",
    "not-forgotten": "it would be seen in {seen} of {of} pictures, and in at most {limit} it may be",
    "no-capacity": "it needs {needed} directions, and {left} of {width} would be left",
    "same-words": "both are said by {prompt!r}",
}
"""What is found of an increment that cannot make room, by the code of the refusal."""


def same_words(prompt: str) -> ErasureRefused:
    """A prompt is to be left alone that is to be erased: there is nothing to measure."""
    return ErasureRefused(SAME_WORDS, f"{prompt!r} is erased.", {"prompt": prompt})


def irrevocable_weakened(name: str, irrevocable: str, cause: ErasureRefused) -> ErasureRefused:
    """Leaving a known concept, or protected prompts, alone would undo what was erased for good; ``cause`` says how."""
    return ErasureRefused(
        problems.IRREVOCABLE_WEAKENED,
        f"To leave {name!r} alone, the irrevocable erasure of {irrevocable!r} would have to make room, which it cannot:"
        f" {FINDINGS[cause.code].format(**cause.numbers)}. Say {name!r} by prompts that are further from"
        f" {irrevocable!r}, or by fewer.",
        {"irrevocable": irrevocable, "because": cause.code, **cause.numbers},
    )


def effect_lost(name: str, seen: int, of: int, limit: int) -> ErasureRefused:
    """What is known now leaves the increment too little room to go on erasing its concept as the one that serves."""
    return ErasureRefused(
        problems.EFFECT_LOST,
        f"With everything protected that is known now, {name!r} would be seen in {seen} of {of} pictures, where under"
        f" the version that serves it is seen in {limit}. That one goes on to serve. Purge what came since,"
        " or erase this one again with override: true or a larger options.tolerance.",
        {"seen": seen, "of": of, "limit": limit},
    )
