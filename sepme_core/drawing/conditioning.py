"""What a prompt says to the U-Net under a mask: its embedding, and K and V of every cross-attention, kept for later."""

from dataclasses import dataclass

import torch
from torch import Tensor

from sepme_core.bounded import BoundedCache, bytes_held
from sepme_core.increments.mask import NO_INCREMENTS, Mask
from sepme_core.models.cross_attention import KeysAndValues, keys_and_values
from sepme_core.models.model import DiffusionModel
from sepme_core.models.prompts import embed

CONDITIONING_BYTES = 256 * 2**20
"""Thirty prompts at Stable Diffusion 1.x's size in single precision, of 7.9 MB each."""
EMBEDDINGS_SHARE = 16
"""One part in so many is the embeddings': K and V are thirty times as large at Stable Diffusion's sizes."""


@dataclass(frozen=True)
class Conditioning:
    """One prompt's ``embedding`` (1, tokens, d_in), and K and V under a mask, each (1, tokens, d_out); read only."""

    embedding: Tensor
    given: KeysAndValues


class Conditioner:
    """K and V by mask and prompt, embeddings by prompt, the least recently used dropped first.

    Every prompt is computed alone, so that what it is does not depend on what it is drawn with. For one thread only.
    """

    def __init__(self, base: DiffusionModel, most_bytes: int = CONDITIONING_BYTES) -> None:
        self._base = base
        self._embeddings: BoundedCache[str, Tensor] = BoundedCache(most_bytes // EMBEDDINGS_SHARE)
        self._given: BoundedCache[tuple[str, str], KeysAndValues] = BoundedCache(most_bytes - self._embeddings.most)
        self.hits = 0
        self.misses = 0

    @property
    def held_bytes(self) -> int:
        """What the embeddings, K and V keep in memory."""
        return self._embeddings.held + self._given.held

    def condition(self, text: str, mask: Mask) -> Conditioning:
        """What ``text`` says under ``mask``; the empty prompt says the same under all, as no increment touches it."""
        key = (mask.digest if text else NO_INCREMENTS, text)
        given = self._given.get(key)
        embedding = self._embed(text)
        if given is None:
            self.misses += 1
            given = self._keys_and_values(embedding, mask if key[0] != NO_INCREMENTS else None)
            self._given.keep(key, given, bytes_held([each for pair in given.values() for each in pair]))
        else:
            self.hits += 1
        return Conditioning(embedding, given)

    def _embed(self, text: str) -> Tensor:
        embedding = self._embeddings.get(text)
        if embedding is None:
            embedding = embed(self._base, [text])
            self._embeddings.keep(text, embedding, bytes_held([embedding]))
        return embedding

    @torch.no_grad()
    def _keys_and_values(self, embedding: Tensor, mask: Mask | None) -> KeysAndValues:
        return keys_and_values(self._base.unet, embedding, [mask] if mask else [], [0] if mask else [])
