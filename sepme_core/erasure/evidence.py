"""The concept as the base draws it: where x_t comes from, and what an increment is judged on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sepme_core.erasure.noised_latents import NoisedLatents, noise_latents, picture_request
from sepme_core.erasure.request import ErasureRequest
from sepme_core.erasure.sentences import Sentence, spread_evenly
from sepme_core.erasure.shared import Shared
from sepme_core.generation import Picture, decode, draw_latents, generate_each, make_record
from sepme_core.increment import Increment

TRAINING_LATENTS = 32
FRESH_LATENTS = 16
FRESH = 0x5EED  # another stream of noise than the loop's, of the same seed
PICTURES = 3
UNSEEN_KINDS = {"person", "explicit"}
"""Kinds of which no picture is kept: nobody who answers for a takedown should have to store more of them."""


@dataclass(frozen=True)
class Drawn:
    """The concept's shown sentences and the base's latents for them, (SHOWN, channels, height, width)."""

    sentences: list[Sentence]
    latents: Tensor
    seed: int

    @property
    def texts(self) -> list[str]:
        """The sentences."""
        return [sentence.text for sentence in self.sentences]


def draw_concept(shared: Shared, request: ErasureRequest, sentences: Sequence[Sentence]) -> Drawn:
    """The base's own pictures of the concept; drawn once, however often the concept is looked at."""
    shown, seed = spread_evenly(sentences), request.settings.seed
    texts = [sentence.text for sentence in shown]
    drawing = picture_request(shared.base, seed)
    latents = shared.recall(("drawn", tuple(texts), seed), lambda: draw_latents(shared.base, texts, drawing))
    return Drawn(shown, latents, seed)


def training_latents(shared: Shared, drawn: Drawn) -> NoisedLatents:
    """The x_t that the loop works with."""
    generator = torch.Generator().manual_seed(drawn.seed)
    return noise_latents(shared.base, drawn.sentences, drawn.latents, TRAINING_LATENTS, generator)


def fresh_latents(shared: Shared, drawn: Drawn) -> NoisedLatents:
    """The x_t that certificates are measured on: other noise and other times than the loop's."""
    generator = torch.Generator().manual_seed(drawn.seed ^ FRESH)
    return noise_latents(shared.base, drawn.sentences, drawn.latents, FRESH_LATENTS, generator)


def draw_evidence(shared: Shared, request: ErasureRequest, drawn: Drawn, increment: Increment) -> tuple[Picture, ...]:
    """PICTURES of the sentences, first as the base draws them and then under the increment, at the same seeds."""
    if request.kind in UNSEEN_KINDS:
        return ()
    base = shared.base
    asked = replace(picture_request(base, drawn.seed), count=len(drawn.sentences))
    before = [
        Picture(image, make_record(base, replace(asked, prompt=text), (), row=row))
        for row, (image, text) in enumerate(zip(decode(base, drawn.latents)[:PICTURES], drawn.texts, strict=False))
    ]
    after = generate_each(base, drawn.texts[:PICTURES], picture_request(base, drawn.seed), [increment])
    return (*before, *after)
