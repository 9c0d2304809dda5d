"""What is asked of an eraser, what it says while it works, and what it gives back."""

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field
from typing import TypeVar

from sepme_core.drawing.request import Picture
from sepme_core.increments.increment import Increment
from sepme_core.options import ErasureSettings
from sepme_core.terms import KINDS, Reason

Result = TypeVar("Result")


@dataclass(frozen=True)
class KnownConcept:
    """A concept, or protected prompts, that an increment must not touch; ``erased``: nothing may be drawn as it."""

    name: str
    kind: str
    prompts: tuple[str, ...]
    erased: bool = False


@dataclass(frozen=True)
class ErasureRequest:
    """One concept to erase."""

    name: str
    kind: str
    prompts: tuple[str, ...]
    protect: tuple[str, ...] = ()
    override: bool = False
    substitute: str | None = None
    settings: ErasureSettings = field(default_factory=ErasureSettings)

    def __post_init__(self) -> None:
        """Raise ValueError where the kind is unknown or nothing is named."""
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {self.kind!r}")
        if not self.prompts or not all(prompt.strip() for prompt in self.prompts):
            raise ValueError("prompts must hold at least one phrase, and no empty one")


@dataclass(frozen=True)
class Progress:
    """Where an erasure stands: loss is L_cor over its first value, momentum its running mean (equation 3).

    ``passes_left``: what is left of it, as time goes, in passes of the U-Net on one picture; where the first attempt
    will do, and in the loop at most, for it may stop at any step. None where that is not known.
    """

    step: int
    of: int
    loss: float
    momentum: float
    message: str
    passes_left: int | None = None


@dataclass(frozen=True)
class MadeIncrement:
    """A certified increment.

    Attributes:
        increment: The file, its certificate inside.
        pictures: Listed prompts drawn without and then with the increment (`evidence`); none for a person, and none
            for what is explicit.
        reason: Trained for a request, brought to what is known now, trained further on the way, or trained anew since
            its substitute was erased.
    """

    increment: Increment
    pictures: tuple[Picture, ...]
    reason: Reason


def run_to_end(
    eraser: Generator[Progress, None, Result], told: Callable[[Progress], object] = lambda _progress: None
) -> Result:
    """Drive an eraser to its result, telling ``told`` each step; what that raises closes the eraser."""
    with closing(eraser):
        while True:
            try:
                progress = next(eraser)
            except StopIteration as end:
                result: Result = end.value
                return result
            told(progress)


def request_of(increment: Increment) -> ErasureRequest:
    """The request that an increment was made by."""
    said = increment.metadata
    settings = ErasureSettings.from_stored(said["settings"])
    return ErasureRequest(
        str(said["concept"]), str(said["kind"]), tuple(said["prompts"]), tuple(said["protect"]), settings=settings
    )
