"""Does the base model draw the concept at all? A concept that it does not know cannot be erased from it.

The concept's representation r_c is measured beside that of words without meaning and of other concepts of its kind, in
the same sentences and on the same x_t: noised pictures of the counterparts, which show everything but the concept.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from sepme_core.drawing.draw import draw_latents
from sepme_core.erasure.cache import ErasureCache
from sepme_core.erasure.latents import NoisedLatents, noise_latents, picture_request
from sepme_core.erasure.refusals import concept_not_drawn
from sepme_core.erasure.request import ErasureRequest
from sepme_core.erasure.sentences import Sentence, Vocabulary, concept_sentences, spread_evenly

SHOWN = 4
MEANINGLESS = ("zqxv", "blorptik", "xkqud")
ALIKE = 3
CLEAR_STRENGTH = 0.5
LEAST_STRENGTH = 0.45
"""A few x_t tell what is clearly drawn; many decide on the others, and refuse. On the demo model its 33 concepts reach
0.60 or more with 8 and 0.67 with 16, unknown words 0.27 and 0.24 or less (`benchmarks/presence.py`)."""
LEAST_SPREAD = 0.25


def check_drawn(cache: ErasureCache, request: ErasureRequest, sentences: Sequence[Sentence], words: Vocabulary) -> None:
    """Raise ErasureRefused (``concept-not-drawn``) where the base answers every phrase like a word without meaning."""

    def strength(count: int) -> float:
        return measure_strength(cache, request.prompts, sentences, words, request.settings.seed, count)

    if strength(cache.effort.few) >= CLEAR_STRENGTH:
        return
    decided = strength(cache.effort.many)
    if decided < LEAST_STRENGTH:
        raise concept_not_drawn(request.name, decided, LEAST_STRENGTH)


def measure_strength(
    cache: ErasureCache,
    phrases: Sequence[str],
    sentences: Sequence[Sentence],
    words: Vocabulary,
    seed: int,
    count: int,
) -> float:
    """The strongest phrase's ‖r_c‖ on ``count`` x_t: a word without meaning is 0, other concepts of the kind are 1."""
    contexts = shown_contexts(sentences)

    def of(phrase: str) -> float:
        return phrase_norm(cache, phrase, contexts, seed, count)

    floor = sum(of(word) for word in MEANINGLESS) / len(MEANINGLESS)
    alike = words.alike[:ALIKE]
    usual = sum(of(phrase) for phrase in alike) / max(len(alike), 1)
    spread = max(usual - floor, LEAST_SPREAD * floor)
    return (max(of(phrase) for phrase in phrases) - floor) / max(spread, 1e-9)


def look_at_others(cache: ErasureCache, request: ErasureRequest, words: Vocabulary) -> Iterator[None]:
    """What every concept of the kind is compared with, a phrase at a time."""
    contexts = shown_contexts(concept_sentences(request, words))
    for phrase in (*MEANINGLESS, *words.alike[:ALIKE]):
        phrase_norm(cache, phrase, contexts, request.settings.seed, cache.effort.few)
        yield


def shown_contexts(sentences: Sequence[Sentence]) -> list[Sentence]:
    """The sentences that phrases are compared in: in company, so that their counterparts show something."""
    return spread_evenly([sentence for sentence in sentences if sentence.other] or list(sentences), SHOWN)


def phrase_norm(cache: ErasureCache, phrase: str, contexts: Sequence[Sentence], seed: int, count: int) -> float:
    """‖r_c‖ of a phrase in the contexts, on ``count`` x_t."""
    return representation_norm(cache, [replace(each, phrase=phrase) for each in contexts], seed, count)


def representation_norm(cache: ErasureCache, sentences: Sequence[Sentence], seed: int, count: int) -> float:
    """‖r_c‖ over ``count`` x_t of the counterparts; the same pictures, noise and times whatever the phrase."""
    counterparts = tuple(sentence.counterpart for sentence in sentences)

    def latents() -> Tensor:
        return draw_latents(cache.base, counterparts, picture_request(cache, seed))

    drawn = cache.get_or_make(("counterparts drawn", counterparts, seed), latents)

    def noised(counterpart: Tensor | None = None) -> NoisedLatents:
        generator = torch.Generator().manual_seed(seed)
        return noise_latents(cache.base, sentences, drawn, count, generator, counterpart)

    def norm() -> float:
        counterpart = cache.get_or_make(
            ("counterparts answered", counterparts, seed, count), lambda: noised().counterpart
        )
        return float(noised(counterpart).representation.norm())

    key = ("representation", tuple(each.text for each in sentences), counterparts, seed, count)
    return cache.get_or_make(key, norm)
