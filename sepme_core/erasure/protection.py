"""What an increment is to leave alone: listed prompts by name, and the room that they leave."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sepme_core.erasure.constraints import NullSpace, null_space
from sepme_core.erasure.moments import second_moment
from sepme_core.erasure.request import ErasureRequest, KnownConcept
from sepme_core.erasure.sentences import protected_sentences
from sepme_core.erasure.shared import Shared

OWN = "protect"


@dataclass(frozen=True)
class Kept:
    """A known concept, or protected prompts, with the sentences in which it must not change."""

    name: str
    texts: tuple[str, ...]


def all_kept(request: ErasureRequest, known: Sequence[KnownConcept], protected: Sequence[KnownConcept]) -> list[Kept]:
    """All that must not change but the concept itself, by name, so that the order in which it came does not matter.

    Prompts protected under a known concept's name count with it; the request's own stand under `OWN`. The published
    variant protects the bare prompts alone.
    """
    published = request.settings.variant == "published"
    own = [KnownConcept(OWN, "other", request.protect)] if request.protect else []
    others = [each for each in known if each.name != request.name]
    texts: dict[str, list[str]] = {}
    for each in sorted([*others, *protected, *own], key=lambda each: (each.name, each.kind, each.prompts)):
        texts.setdefault(each.name, []).extend(each.prompts if published else protected_sentences(each))
    return [Kept(name, tuple(dict.fromkeys(said))) for name, said in texts.items()]


def listed_moment(shared: Shared, kept: Kept) -> Tensor:
    """The second moment of the token rows, (d_in, d_in)."""
    return shared.recall(("listed moment", kept.texts), lambda: second_moment(shared.rows(kept.texts)))


def free_directions(shared: Shared, kept: Sequence[Kept], tolerance: float) -> NullSpace:
    """What the empty prompt and everything kept leave."""
    return null_space(shared.embed([""])[0], [listed_moment(shared, each) for each in kept], tolerance)


def listed_cost(shared: Shared, kept: Sequence[Kept]) -> Tensor:
    """What acting on listed prompts costs: the mean of their moments, (d_in, d_in)."""
    moments = [listed_moment(shared, each) for each in kept]
    width = shared.base.width
    return torch.stack(moments).mean(0) if moments else torch.zeros(width, width, dtype=torch.float64)


def measure_capacity(
    shared: Shared, known: Sequence[KnownConcept], protected: Sequence[KnownConcept], tolerance: float
) -> dict[str, int]:
    """Directions that increments can use at all, and those left once all that is known is protected."""
    nothing = ErasureRequest("nothing", "other", ("nothing",))
    kept = all_kept(nothing, [KnownConcept(f"known {each.name}", each.kind, each.prompts) for each in known], protected)
    return {
        "directions": free_directions(shared, [], tolerance).left,
        "left": free_directions(shared, kept, tolerance).left,
    }
