"""The concept as the base draws it: where x_t comes from, and what an increment is judged on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from PIL import Image
from torch import Tensor

from sepme_core.drawing.draw import decode, draw_latents
from sepme_core.drawing.request import Picture, applied, make_record
from sepme_core.erasure.cache import ErasureCache
from sepme_core.erasure.latents import NoisedLatents, noise_latents, picture_request
from sepme_core.erasure.request import ErasureRequest
from sepme_core.erasure.sentences import Sentence, spread_evenly
from sepme_core.increments.increment import Increment

TRAINING_LATENTS = 32
FRESH = 0x5EED  # another stream of noise than the loop's, of the same seed
PICTURES = 3
UNSEEN_KINDS = {"person", "explicit"}
"""Kinds of which no picture is kept: nobody who answers for a takedown should have to store more of them."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """The concept's shown sentences and the base's latents for them, (sentences, channels, height, width)."""

    cache: ErasureCache
    sentences: list[Sentence]
    latents: Tensor
    seed: int

    @property
    def texts(self) -> list[str]:
        """The sentences."""
        return [sentence.text for sentence in self.sentences]

    @cached_property
    def images(self) -> list[Image.Image]:
        """The base's own pictures."""
        key = ("decoded", tuple(self.texts), self.seed)
        return self.cache.get_or_make(key, lambda: decode(self.cache.base, self.latents))


def draw_concept(cache: ErasureCache, request: ErasureRequest, sentences: Sequence[Sentence]) -> Drawn:
    """The base's own pictures of the concept; drawn once, however often the concept is looked at."""
    shown, seed = spread_evenly(sentences, request.settings.pictures), request.settings.seed
    texts = [sentence.text for sentence in shown]
    drawing = picture_request(cache, seed)
    latents = cache.get_or_make(("drawn", tuple(texts), seed), lambda: draw_latents(cache.base, texts, drawing))
    return Drawn(cache, shown, latents, seed)


def training_latents(cache: ErasureCache, drawn: Drawn) -> NoisedLatents:
    """The x_t that the loop works with."""
    generator = torch.Generator().manual_seed(drawn.seed)
    return noise_latents(cache.base, drawn.sentences, drawn.latents, TRAINING_LATENTS, generator)


def fresh_latents(cache: ErasureCache, drawn: Drawn) -> NoisedLatents:
    """The x_t that certificates are measured on: other noise and other times than the loop's."""

    def make() -> NoisedLatents:
        generator = torch.Generator().manual_seed(drawn.seed ^ FRESH)
        return noise_latents(cache.base, drawn.sentences, drawn.latents, cache.effort.fresh, generator)

    return cache.get_or_make(("fresh", tuple(drawn.texts), drawn.seed), make)


def shown_pictures(
    cache: ErasureCache,
    request: ErasureRequest,
    drawn: Drawn,
    after: Sequence[Image.Image],
    increments: Sequence[Increment],
) -> tuple[Picture, ...]:
    """PICTURES of those that were looked at: first as the base draws them, then under the increments."""
    if request.kind in UNSEEN_KINDS:
        return ()
    base = cache.base
    asked = replace(picture_request(cache, drawn.seed), count=len(drawn.sentences))
    return tuple(
        Picture(image, make_record(base, replace(asked, prompt=text), under, row=row))
        for images, under in ((drawn.images, []), (after, applied(increments)))
        for row, (image, text) in enumerate(zip(images[:PICTURES], drawn.texts, strict=False))
    )
