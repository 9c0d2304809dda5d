"""What an increment is to leave alone, the room that this leaves, and how near one concept comes to another.

At 1 the one acts on the other's sentences as strongly as on its own: "a cat" and "the cat". The 33 concepts of the demo
model reach each other with .26 at most. Nearness decides nothing by itself: what is nearer than CLOSE is looked at.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sepme_core.documents.answers import Capacity
from sepme_core.documents.certificates import OverlapDocument
from sepme_core.erasure.blocks import sum_of
from sepme_core.erasure.cache import ErasureCache
from sepme_core.erasure.request import ErasureRequest, KnownConcept
from sepme_core.erasure.sentences import (
    closed_sentences,
    concept_sentences,
    held_out_sentences,
    sentences_around,
    vocabulary,
)
from sepme_core.erasure.solution import (
    NullSpace,
    caption_moment,
    closed_form,
    concept_moments,
    null_space,
    second_moment_of,
)
from sepme_core.models.cross_attention import Factors, conditioned_matrices
from sepme_core.models.model import DiffusionModel
from sepme_core.options import ErasureSettings
from sepme_core.wordings import listed, mentions

OWN = "protect"


@dataclass(frozen=True)
class KeptConcept:
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
    base: DiffusionModel, request: ErasureRequest, known: Sequence[KnownConcept], protected: Sequence[KnownConcept]
) -> list[KeptConcept]:
    """All that must not change but the concept itself, by name, so that the order in which it came does not matter.

    Prompts protected under a known concept's name count with it; the request's own stand under `OWN`.
    """
    own = [KnownConcept(OWN, "other", request.protect)] if request.protect else []
    others = [each for each in known if each.name != request.name]
    by_name: dict[str, list[KnownConcept]] = {}
    for each in sorted([*others, *protected, *own], key=lambda each: (each.name, each.kind, each.prompts)):
        by_name.setdefault(each.name, []).append(each)
    return [keep(base, request, name, concepts) for name, concepts in by_name.items()]


def keep(base: DiffusionModel, request: ErasureRequest, name: str, concepts: Sequence[KnownConcept]) -> KeptConcept:
    """What stands under one name. The published variant protects the bare prompts alone."""

    def all_of(sentences: Callable[[KnownConcept], Sequence[str]]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(text for each in concepts for text in sentences(each)))

    held_out = all_of(lambda each: held_out_sentences(base, each))
    # What is protected by the very phrase that is to go is not unaffected anywhere: that is for looking to settle.
    own = any(mentions(prompt, request.prompts) for each in concepts for prompt in each.prompts)
    besides = () if own else request.prompts
    if request.settings.variant == "published":
        bare = all_of(lambda each: each.prompts)
        return KeptConcept(name, bare, bare, (), held_out, besides)
    return KeptConcept(
        name,
        all_of(lambda each: listed(each.kind, each.prompts)),
        all_of(closed_sentences),
        all_of(lambda each: sentences_around(base, each)),
        held_out,
        besides,
    )


def moment_of(cache: ErasureCache, texts: tuple[str, ...]) -> Tensor:
    """The second moment of the token rows of sentences, (d_in, d_in)."""
    return cache.get_or_make(("moment", texts), lambda: second_moment_of(cache, texts))


def moment_around(cache: ErasureCache, kept: KeptConcept) -> Tensor:
    """The second moment of what acting costs on, (d_in, d_in): half of it of the closed sentences, half of the others.

    Those beside what is to go are left out.
    """
    closed = moment_of(cache, kept.closed)
    left = len(kept.unaffected(kept.around))
    if not left:
        return closed
    total = len(kept.around) * moment_of(cache, kept.around)
    gone = [text for text in kept.around if mentions(text, kept.besides)]
    if gone:
        total = total - len(gone) * second_moment_of(cache, gone)
    return (closed + total / left) / 2


def free_directions(cache: ErasureCache, kept: Sequence[KeptConcept], tolerance: float) -> NullSpace:
    """What the empty prompt and everything kept leave."""
    return null_space(cache.embed([""])[0], (moment_of(cache, each.closed) for each in kept), tolerance)


def kept_cost(cache: ErasureCache, kept: Sequence[KeptConcept]) -> Tensor:
    """What acting on what is kept costs: the mean of their moments, (d_in, d_in)."""
    total, width = sum_of(moment_around(cache, each) for each in kept), cache.base.width
    return torch.zeros(width, width, dtype=torch.float64) if total is None else total / len(kept)


def measure_capacity(
    cache: ErasureCache, known: Sequence[KnownConcept], protected: Sequence[KnownConcept], tolerance: float
) -> Capacity:
    """Directions that increments can use at all, and those left once all that is known is protected."""
    nothing = ErasureRequest("nothing", "other", ("nothing",))
    kept = all_kept(
        cache.base, nothing, [KnownConcept(f"known {each.name}", each.kind, each.prompts) for each in known], protected
    )
    return {
        "directions": free_directions(cache, [], tolerance).left,
        "left": free_directions(cache, kept, tolerance).left,
    }


CLOSE = 0.4
SAME = 0.8


@dataclass(frozen=True)
class Overlaps:
    """How near each of what is kept comes, by name, and what an overriding request gave up of it."""

    by_name: dict[str, float]
    given_up: tuple[str, ...] = ()

    @property
    def nearest(self) -> str | None:
        """The nearest of what is not given up."""
        left = {name: overlap for name, overlap in self.by_name.items() if name not in self.given_up}
        return max(left, key=left.__getitem__, default=None)

    @property
    def close(self) -> list[str]:
        """What is near enough to be looked at, by name."""
        return sorted(name for name, overlap in self.by_name.items() if overlap > CLOSE)

    def document(self) -> OverlapDocument:
        """The nearest, as a certificate says it."""
        nearest = self.nearest
        return {"max": round(self.by_name[nearest], 6) if nearest else 0.0, "concept": nearest}


def measure_overlaps(cache: ErasureCache, concept: KnownConcept, kept: Sequence[KeptConcept]) -> Overlaps:
    """The overlap of a concept with each of what is kept."""
    return Overlaps({each.name: overlap(cache, concept, each.texts) for each in kept})


def overlap(cache: ErasureCache, concept: KnownConcept, texts: Sequence[str]) -> float:
    """How strongly erasing the concept would act on sentences, over how strongly on its own listed prompts."""
    action = unprotected_action(cache, concept)
    own = sentence_strength(cache, listed(concept.kind, concept.prompts), action)
    return sentence_strength(cache, texts, action) / max(own, 1e-12)


def are_close(cache: ErasureCache, one: KnownConcept, other: KnownConcept) -> bool:
    """Whether either comes so near the other that they must be looked at."""
    return any(overlap(cache, a, listed(b.kind, b.prompts)) > CLOSE for a, b in ((one, other), (other, one)))


def unprotected_action(cache: ErasureCache, concept: KnownConcept) -> Tensor:
    """D (d_in, d_in) of an erasure that protects nothing: a property of the words, so of the default settings."""

    def solve() -> Tensor:
        settings = ErasureSettings()
        request = ErasureRequest(concept.name, concept.kind, concept.prompts)
        sentences = concept_sentences(request, vocabulary(cache.base, request, ()))
        moments = concept_moments(cache, sentences, substitute=None)
        unprotected = null_space(cache.embed([""])[0], [], settings.tolerance)
        cost = settings.regular_weight * caption_moment(cache, concept.prompts)
        return closed_form(moments, cost, unprotected, settings.directions, settings.ridge).action

    return cache.get_or_make(("unprotected", concept.kind, concept.prompts), solve)


def sentence_strength(cache: ErasureCache, texts: Sequence[str], action: Tensor) -> float:
    """The mean over sentences of ‖e D‖."""
    moved = [(cache.embed(part)[:, 1:] @ action).norm(dim=(1, 2)) for part in cache.blocks(texts)]
    return float(torch.cat(moved).mean())


def increment_overlap(cache: ErasureCache, increment: Factors, own: Sequence[str], texts: Sequence[str]) -> float:
    """How strongly a stored increment acts on sentences, over how strongly on its own listed prompts."""
    return increment_strength(cache, increment, texts) / max(increment_strength(cache, increment, own), 1e-12)


def increment_strength(cache: ErasureCache, increment: Factors, texts: Sequence[str]) -> float:
    """The mean over sentences and matrices of ‖e Delta‖."""
    directions, strengths = increment.directions.cpu(), []
    reached = [cache.embed(part)[:, 1:].float() @ directions for part in cache.blocks(texts)]
    for path in conditioned_matrices(cache.base.unet):
        weight = increment.weight(path).float().cpu().T
        strengths.append(torch.cat([(each @ weight).norm(dim=(1, 2)) for each in reached]).mean())
    return float(sum(strengths)) / len(strengths)
