"""How near one concept comes to another: how strongly an erasure that protects nothing would act on it.

At 1 the one acts on the other's sentences as strongly as on its own: "a cat" and "the cat". The 33 concepts of the demo
model reach each other with .26 at most. Nearness decides nothing by itself: what is nearer than CLOSE is looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from sepme_core.cross_attention import Factors, conditioned_matrices
from sepme_core.erasure.captions import caption_moment
from sepme_core.erasure.closed_form import closed_form
from sepme_core.erasure.constraints import null_space
from sepme_core.erasure.moments import concept_moments
from sepme_core.erasure.protection import Kept
from sepme_core.erasure.request import ErasureRequest, KnownConcept
from sepme_core.erasure.sentences import concept_sentences, vocabulary
from sepme_core.erasure.settings import ErasureSettings
from sepme_core.erasure.shared import Shared
from sepme_core.wordings import listed

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

    def document(self) -> dict[str, Any]:
        """The nearest, as a certificate says it."""
        nearest = self.nearest
        return {"max": round(self.by_name[nearest], 6) if nearest else 0.0, "concept": nearest}


def measure_overlaps(shared: Shared, concept: KnownConcept, kept: Sequence[Kept]) -> Overlaps:
    """The overlap of a concept with each of what is kept."""
    return Overlaps({each.name: overlap(shared, concept, each.texts) for each in kept})


def overlap(shared: Shared, concept: KnownConcept, texts: Sequence[str]) -> float:
    """How strongly erasing the concept would act on sentences, over how strongly on its own listed prompts."""
    action = unprotected_action(shared, concept)
    own = sentence_strength(shared, listed(concept.kind, concept.prompts), action)
    return sentence_strength(shared, texts, action) / max(own, 1e-12)


def are_close(shared: Shared, one: KnownConcept, other: KnownConcept) -> bool:
    """Whether either comes so near the other that they must be looked at."""
    return any(overlap(shared, a, listed(b.kind, b.prompts)) > CLOSE for a, b in ((one, other), (other, one)))


def unprotected_action(shared: Shared, concept: KnownConcept) -> Tensor:
    """D (d_in, d_in) of an erasure that protects nothing: a property of the words, so of the default settings."""

    def solve() -> Tensor:
        settings = ErasureSettings()
        request = ErasureRequest(concept.name, concept.kind, concept.prompts)
        sentences = concept_sentences(request, vocabulary(shared.base, request, ()))
        moments = concept_moments(shared, sentences, substitute=None)
        unprotected = null_space(shared.embed([""])[0], [], settings.tolerance)
        cost = settings.regular_weight * caption_moment(shared, concept.prompts)
        return closed_form(moments, cost, unprotected, settings.directions, settings.ridge).action

    return shared.recall(("unprotected", concept.kind, concept.prompts), solve)


def sentence_strength(shared: Shared, texts: Sequence[str], action: Tensor) -> float:
    """The mean over sentences of ‖e D‖."""
    moved = shared.embed(texts)[:, 1:] @ action  # (sentences, tokens - 1, d_in)
    return float(moved.norm(dim=(1, 2)).mean())


def increment_overlap(shared: Shared, increment: Factors, own: Sequence[str], texts: Sequence[str]) -> float:
    """How strongly a stored increment acts on sentences, over how strongly on its own listed prompts."""
    return increment_strength(shared, increment, texts) / max(increment_strength(shared, increment, own), 1e-12)


def increment_strength(shared: Shared, increment: Factors, texts: Sequence[str]) -> float:
    """The mean over sentences and matrices of ‖e Delta‖."""
    reached = shared.embed(texts)[:, 1:].float() @ increment.directions.cpu()  # (sentences, tokens - 1, rank)
    strengths = [
        (reached @ increment.weight(path).float().cpu().T).norm(dim=(1, 2)).mean()
        for path in conditioned_matrices(shared.base.unet)
    ]
    return float(sum(strengths)) / len(strengths)
