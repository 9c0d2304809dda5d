"""Does the base model draw the concept at all? A concept that it does not know cannot be erased from it.

The concept's representation r_c is measured beside that of words without meaning and of other concepts of its kind, in
the same sentences and on the same x_t: noised pictures of the counterparts, which show everything but the concept.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from sepme_core.base import Base
from sepme_core.erasure.noised_latents import PICTURES, draw_pictures, noise_latents
from sepme_core.erasure.request import ErasureRequest, concept_not_drawn
from sepme_core.erasure.sentences import Sentence, Vocabulary

MEANINGLESS = ("zqxv", "blorptik", "xkqud")
ALIKE = 3
NOISED = 16
LEAST_STRENGTH = 0.45
"""On the demo model its 33 concepts reach 0.71 or more, unknown words 0.24 or less (`benchmarks/presence.py`)."""
LEAST_SPREAD = 0.25


def check_drawn(base: Base, request: ErasureRequest, sentences: Sequence[Sentence], words: Vocabulary) -> None:
    """Raise ErasureRefused (``concept-not-drawn``) where the base answers every phrase like a word without meaning."""
    strength = measure_strength(base, request.prompts, sentences, words, request.settings.seed)
    if strength < LEAST_STRENGTH:
        raise concept_not_drawn(request.name, strength, LEAST_STRENGTH)


def measure_strength(
    base: Base, phrases: Sequence[str], sentences: Sequence[Sentence], words: Vocabulary, seed: int
) -> float:
    """The strongest phrase's ‖r_c‖, where a word without meaning is 0 and other concepts of the kind are 1."""
    contexts = spread_evenly([sentence for sentence in sentences if sentence.other] or list(sentences))
    latents = draw_pictures(base, [sentence.counterpart for sentence in contexts], seed)

    def of(phrase: str) -> float:
        return representation_norm(base, [replace(each, phrase=phrase) for each in contexts], latents, seed)

    floor = sum(of(word) for word in MEANINGLESS) / len(MEANINGLESS)
    alike = words.alike[:ALIKE]
    usual = sum(of(phrase) for phrase in alike) / max(len(alike), 1)
    spread = max(usual - floor, LEAST_SPREAD * floor)
    return (max(of(phrase) for phrase in phrases) - floor) / max(spread, 1e-9)


def representation_norm(base: Base, sentences: Sequence[Sentence], latents: Tensor, seed: int) -> float:
    """‖r_c‖ over NOISED noised latents; the same noise and times whatever the phrase."""
    noised = noise_latents(base, sentences, latents, NOISED, torch.Generator().manual_seed(seed))
    return float(noised.representation.norm())


def spread_evenly(sentences: Sequence[Sentence]) -> list[Sentence]:
    """PICTURES of the sentences, from the first to the last."""
    places = torch.linspace(0, len(sentences) - 1, PICTURES).round().long().tolist()
    return [sentences[place] for place in places]
