"""What erasures on one base have in common, remembered: embeddings above all.

The sentences of one concept are the swaps and the regular sentences of the others, and every concept protects the same
listed prompts. A worker keeps one `Shared` for its base, so that many concepts cost little more than their own steps.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor

from sepme_core.base import Base
from sepme_core.prompts import embed

Value = TypeVar("Value")
BATCH = 32
EMBEDDING_BYTES = 512 * 2**20
REMEMBERED = 512  # moments of a few MB at Stable Diffusion's width, latents of half a MB, single numbers


class Shared:
    """Embeddings and whatever else depends on the base alone. For one thread at a time; nothing in it ever changes."""

    def __init__(self, base: Base, embedding_bytes: int = EMBEDDING_BYTES) -> None:
        """``embedding_bytes``: how much of the embeddings is kept, the least recently used dropped first."""
        self.base = base
        self._kept = max(embedding_bytes // (4 * base.tokens * base.width), BATCH)
        self._embeddings: OrderedDict[str, Tensor] = OrderedDict()
        self._remembered: OrderedDict[Hashable, Any] = OrderedDict()

    def embed(self, texts: Sequence[str]) -> Tensor:
        """Embeddings (texts, tokens, d_in) as float64 on the CPU, where the linear algebra is done."""
        found = {text: self._embeddings.pop(text) for text in dict.fromkeys(texts) if text in self._embeddings}
        missing = [text for text in dict.fromkeys(texts) if text not in found]
        for start in range(0, len(missing), BATCH):
            batch = missing[start : start + BATCH]
            # Always as many texts: how a product rounds may depend on its shape, and a digest must not depend on
            # what was embedded together.
            padded = embed(self.base, [*batch, *[""] * (BATCH - len(batch))], BATCH).float().cpu()
            found.update(zip(batch, padded, strict=False))
        self._embeddings.update(found)
        while len(self._embeddings) > self._kept:
            self._embeddings.popitem(last=False)
        return torch.stack([found[text] for text in texts]).double()

    def rows(self, texts: Sequence[str]) -> Tensor:
        """Their token rows but the start's, (texts * (tokens - 1), d_in)."""
        return self.embed(texts)[:, 1:].flatten(0, 1)

    def recall(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """What ``make`` gave for this key; it must depend on the key and the base alone."""
        value: Value = self._remembered.pop(key) if key in self._remembered else make()
        self._remembered[key] = value
        while len(self._remembered) > REMEMBERED:
            self._remembered.popitem(last=False)
        return value
