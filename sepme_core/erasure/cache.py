"""What erasures on one base have in common, remembered: embeddings above all.

The sentences of one concept are the swaps and the regular sentences of the others, and every concept protects the same
listed prompts. A worker keeps one `Shared` for its base, so that many concepts cost little more than their own steps.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from threading import Lock
from typing import Any, TypeVar

import torch
from torch import Tensor

from sepme_core.evaluation.classifier import Classifier
from sepme_core.models.model import DiffusionModel
from sepme_core.models.prompts import embed

Value = TypeVar("Value")
BATCH = 32
EMBEDDING_BYTES = 512 * 2**20
REMEMBERED = 1024  # moments of half a MB to a few, norms, latents, single numbers


class ErasureCache:
    """Embeddings and whatever else depends on the base alone; nothing in it ever changes.

    For several threads: those that miss the same at once both make it, and it comes out the same.
    """

    def __init__(
        self, base: DiffusionModel, classifier: Classifier | None = None, embedding_bytes: int = EMBEDDING_BYTES
    ) -> None:
        """``embedding_bytes``: how much of the embeddings is kept, the least recently used dropped first.

        ``classifier``: who looks at pictures besides the model itself.
        """
        self.base, self.classifier = base, classifier
        self._kept = max(embedding_bytes // (4 * base.tokens * base.width), BATCH)
        self._embeddings: OrderedDict[str, Tensor] = OrderedDict()
        self._remembered: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = Lock()

    def embed(self, texts: Sequence[str]) -> Tensor:
        """Embeddings (texts, tokens, d_in) as float64 on the CPU, where the linear algebra is done."""
        with self._lock:
            found = {text: self._embeddings.pop(text) for text in dict.fromkeys(texts) if text in self._embeddings}
            self._embeddings.update(found)
        missing = [text for text in dict.fromkeys(texts) if text not in found]
        for start in range(0, len(missing), BATCH):
            batch = missing[start : start + BATCH]
            # Always as many texts: how a product rounds may depend on its shape, and a digest must not depend on
            # what was embedded together.
            padded = embed(self.base, [*batch, *[""] * (BATCH - len(batch))], BATCH).float().cpu()
            found.update(zip(batch, padded, strict=False))
        self._keep(self._embeddings, {text: found[text] for text in missing}, self._kept)
        return torch.stack([found[text] for text in texts]).double()

    def rows(self, texts: Sequence[str]) -> Tensor:
        """Their token rows but the start's, (texts * (tokens - 1), d_in)."""
        return self.embed(texts)[:, 1:].flatten(0, 1)

    def get_or_make(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """What ``make`` gave for this key; it must depend on the key and the base alone."""
        with self._lock:
            if key in self._remembered:
                self._remembered.move_to_end(key)
                found: Value = self._remembered[key]
                return found
        value = make()
        self._keep(self._remembered, {key: value}, REMEMBERED)
        return value

    def _keep(self, store: OrderedDict[Any, Any], new: Mapping[Any, Any], most: int) -> None:
        with self._lock:
            store.update(new)
            while len(store) > most:
                store.popitem(last=False)
