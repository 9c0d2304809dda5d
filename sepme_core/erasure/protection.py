"""What an increment is to leave alone: listed prompts by name, and the room that they leave."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sepme_core.base import Base
from sepme_core.erasure.constraints import NullSpace, null_space
from sepme_core.erasure.moments import second_moment
from sepme_core.erasure.request import ErasureRequest, KnownConcept
from sepme_core.erasure.sentences import closed_sentences, held_out_sentences, sentences_around
from sepme_core.erasure.shared import Shared
from sepme_core.wordings import listed, mentions

OWN = "protect"


@dataclass(frozen=True)
class Kept:
    """A known concept, or protected prompts, with the sentences in which it must not change.

    Attributes:
        name: Its name.
        texts: The listed prompts: the promise is about them.
        closed: The sentences whose leading directions are closed to the increment; the listed ones among them.
        around: Further sentences on which acting costs.
        held_out: Other wordings, for measuring alone.
        besides: The phrases of what is to go: a sentence beside one of them may change, and counts nowhere.
    """

    name: str
    texts: tuple[str, ...]
    closed: tuple[str, ...]
    around: tuple[str, ...]
    held_out: tuple[str, ...]
    besides: tuple[str, ...]

    def unaffected(self, texts: Sequence[str]) -> list[int]:
        """The places of the sentences that must not change."""
        return [place for place, text in enumerate(texts) if not mentions(text, self.besides)]


def all_kept(
    base: Base, request: ErasureRequest, known: Sequence[KnownConcept], protected: Sequence[KnownConcept]
) -> list[Kept]:
    """All that must not change but the concept itself, by name, so that the order in which it came does not matter.

    Prompts protected under a known concept's name count with it; the request's own stand under `OWN`.
    """
    own = [KnownConcept(OWN, "other", request.protect)] if request.protect else []
    others = [each for each in known if each.name != request.name]
    by_name: dict[str, list[KnownConcept]] = {}
    for each in sorted([*others, *protected, *own], key=lambda each: (each.name, each.kind, each.prompts)):
        by_name.setdefault(each.name, []).append(each)
    return [keep(base, request, name, concepts) for name, concepts in by_name.items()]


def keep(base: Base, request: ErasureRequest, name: str, concepts: Sequence[KnownConcept]) -> Kept:
    """What stands under one name. The published variant protects the bare prompts alone."""

    def all_of(sentences: Callable[[KnownConcept], Sequence[str]]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(text for each in concepts for text in sentences(each)))

    held_out = all_of(lambda each: held_out_sentences(base, each))
    # What is protected by the very phrase that is to go is not unaffected anywhere: that is for looking to settle.
    own = any(mentions(prompt, request.prompts) for each in concepts for prompt in each.prompts)
    besides = () if own else request.prompts
    if request.settings.variant == "published":
        bare = all_of(lambda each: each.prompts)
        return Kept(name, bare, bare, (), held_out, besides)
    return Kept(
        name,
        all_of(lambda each: listed(each.kind, each.prompts)),
        all_of(closed_sentences),
        all_of(lambda each: sentences_around(base, each)),
        held_out,
        besides,
    )


def moment_of(shared: Shared, texts: tuple[str, ...]) -> Tensor:
    """The second moment of the token rows of sentences, (d_in, d_in)."""
    return shared.recall(("moment", texts), lambda: second_moment(shared.rows(texts)))


def moment_around(shared: Shared, kept: Kept) -> Tensor:
    """The second moment of what acting costs on, (d_in, d_in): half of it of the closed sentences, half of the others.

    Those beside what is to go are left out.
    """
    closed = moment_of(shared, kept.closed)
    left = len(kept.unaffected(kept.around))
    if not left:
        return closed
    total = len(kept.around) * moment_of(shared, kept.around)
    gone = [text for text in kept.around if mentions(text, kept.besides)]
    if gone:
        total = total - len(gone) * second_moment(shared.rows(gone))
    return (closed + total / left) / 2


def free_directions(shared: Shared, kept: Sequence[Kept], tolerance: float) -> NullSpace:
    """What the empty prompt and everything kept leave."""
    return null_space(shared.embed([""])[0], [moment_of(shared, each.closed) for each in kept], tolerance)


def kept_cost(shared: Shared, kept: Sequence[Kept]) -> Tensor:
    """What acting on what is kept costs: the mean of their moments, (d_in, d_in)."""
    moments = [moment_around(shared, each) for each in kept]
    width = shared.base.width
    return torch.stack(moments).mean(0) if moments else torch.zeros(width, width, dtype=torch.float64)


def measure_capacity(
    shared: Shared, known: Sequence[KnownConcept], protected: Sequence[KnownConcept], tolerance: float
) -> dict[str, int]:
    """Directions that increments can use at all, and those left once all that is known is protected."""
    nothing = ErasureRequest("nothing", "other", ("nothing",))
    kept = all_kept(
        shared.base, nothing, [KnownConcept(f"known {each.name}", each.kind, each.prompts) for each in known], protected
    )
    return {
        "directions": free_directions(shared, [], tolerance).left,
        "left": free_directions(shared, kept, tolerance).left,
    }
