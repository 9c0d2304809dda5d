"""How near a concept comes to what is protected: what cannot go while the other stays is refused, with the number."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from sepme_core.erasure.closed_form import closed_form
from sepme_core.erasure.constraints import null_space
from sepme_core.erasure.moments import Moments
from sepme_core.erasure.protection import Kept
from sepme_core.erasure.request import ErasureRequest, concept_too_close
from sepme_core.erasure.sentences import bare_sentences
from sepme_core.erasure.settings import ErasureSettings
from sepme_core.erasure.shared import Shared

OVERLAP_LIMIT = 0.8


@dataclass(frozen=True)
class Overlaps:
    """The nearest of what stays protected, and what an overriding request gives up, by name."""

    largest: float
    concept: str | None
    given_up: dict[str, float]

    def document(self) -> dict[str, Any]:
        """The nearest, as a certificate says it."""
        return {"max": round(self.largest, 6), "concept": self.concept}


def settle_overlaps(
    shared: Shared, request: ErasureRequest, moments: Moments, regular: Tensor, kept: Sequence[Kept]
) -> tuple[list[Kept], Overlaps]:
    """What stays protected, and how near it comes. ``regular`` is the second moment of regular prompts.

    The overlap with a protected concept is how strongly an erasure that protects nothing would act on its listed
    prompts, over how strongly it acts on the erased concept's own: at 1 the one cannot go while the other stays.

    Raises:
        ErasureRefused: ``concept-too-close``, unless the request overrides; then what is too close is given up.
    """
    overlaps = measure_overlaps(shared, request, moments, regular, kept)
    close = {name: overlap for name, overlap in overlaps.items() if overlap > OVERLAP_LIMIT}
    if close and not request.override:
        nearest = max(close, key=close.__getitem__)
        raise concept_too_close(request.name, nearest, close[nearest], OVERLAP_LIMIT)
    remaining = [(overlap, name) for name, overlap in overlaps.items() if name not in close]
    largest, concept = max(remaining, default=(0.0, None))
    return [each for each in kept if each.name not in close], Overlaps(largest, concept, close)


def measure_overlaps(
    shared: Shared, request: ErasureRequest, moments: Moments, regular: Tensor, kept: Sequence[Kept]
) -> dict[str, float]:
    """The overlap with each, by name: a property of the words, so measured at the default settings."""
    settings = ErasureSettings()
    unprotected = null_space(shared.embed([""])[0], [], settings.tolerance)
    cost = settings.regular_weight * regular
    action = closed_form(moments, cost, unprotected, settings.directions, settings.ridge).action
    own = sentence_strength(shared, bare_sentences(request), action)
    return {each.name: sentence_strength(shared, each.texts, action) / max(own, 1e-12) for each in kept}


def sentence_strength(shared: Shared, texts: Sequence[str], action: Tensor) -> float:
    """The mean over sentences of ‖e D‖."""
    moved = shared.embed(texts)[:, 1:] @ action  # (sentences, tokens - 1, d_in)
    return float(moved.norm(dim=(1, 2)).mean())
