"""What erasures on one base have in common, remembered: embeddings above all.

The sentences of one concept are the swaps and the regular sentences of the others, and every concept protects the same
listed prompts. A worker keeps one `ErasureCache` for its base: many concepts cost little more than their own steps.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import TypeVar, cast

import torch
from torch import Tensor

from sepme_core.bounded import BoundedCache
from sepme_core.erasure.blocks import blocks
from sepme_core.erasure.effort import Effort, effort_for
from sepme_core.evaluation.classifier import Classifier
from sepme_core.models.model import DiffusionModel
from sepme_core.models.prompts import embed

Item = TypeVar("Item")
Value = TypeVar("Value")
BATCH = 32
EMBEDDING_BYTES = 512 * 2**20
REMEMBERED_BYTES = 1536 * 2**20
"""Moments, norms, latents, single numbers: at the width of SD 1.x those of a hundred known concepts, 15 MB each."""


class ErasureCache:
    """Embeddings and whatever else depends on the base alone; nothing in it ever changes.

    For several threads: those that miss the same at once both make it, and it comes out the same.
    """

    def __init__(
        self,
        base: DiffusionModel,
        classifier: Classifier | None = None,
        embedding_bytes: int = EMBEDDING_BYTES,
        remembered_bytes: int = REMEMBERED_BYTES,
        effort: Effort | None = None,
    ) -> None:
        """``embedding_bytes``, ``remembered_bytes``: how much of the embeddings, and of all else, is kept.

        ``classifier``: who looks at pictures besides the model itself. ``effort``: another than the model's own.
        """
        self.base, self.classifier = base, classifier
        self.effort = effort or effort_for(base)
        self._embeddings: BoundedCache[str, Tensor] = BoundedCache(embedding_bytes)
        self._remembered: BoundedCache[Hashable, object] = BoundedCache(remembered_bytes)

    def embed(self, texts: Sequence[str]) -> Tensor:
        """Embeddings (texts, tokens, d_in) as float64 on the CPU, where the linear algebra is done."""
        found = self._embeddings.found(texts)
        missing = [text for text in dict.fromkeys(texts) if text not in found]
        for start in range(0, len(missing), BATCH):
            batch = missing[start : start + BATCH]
            # Always as many texts: how a product rounds may depend on its shape, and a digest must not depend on
            # what was embedded together.
            padded = embed(self.base, [*batch, *[""] * (BATCH - len(batch))], BATCH).float().cpu()
            for text, embedded in zip(batch, padded, strict=False):
                found[text] = embedded.clone()  # a row of the batch would hold the batch
                self._embeddings.keep(text, found[text])
        return torch.stack([found[text] for text in texts]).double()

    def embed_in_pieces(self, texts: Sequence[str]) -> Iterator[None]:
        """Embed what is not remembered yet, a batch at a time, so that it is found later."""
        found = self._embeddings.found(texts)
        missing = [text for text in dict.fromkeys(texts) if text not in found]
        for start in range(0, len(missing), BATCH):
            self.embed(missing[start : start + BATCH])
            yield

    def rows(self, texts: Sequence[str]) -> Tensor:
        """Their token rows but the start's, (texts * (tokens - 1), d_in)."""
        return self.embed(texts)[:, 1:].flatten(0, 1)

    def blocks(self, items: Sequence[Item]) -> Iterator[Sequence[Item]]:
        """Sentences, of whatever kind, in parts whose embeddings are held at once."""
        return blocks(items, torch.float64.itemsize * self.base.tokens * self.base.width)

    def get_or_make(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """What ``make`` gave for this key; it must depend on the key and the base alone."""
        found = self._remembered.found([key])
        if key in found:
            return cast("Value", found[key])  # what was made for a key is of its kind
        value = make()
        self._remembered.keep(key, value)
        return value
