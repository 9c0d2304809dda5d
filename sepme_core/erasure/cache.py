"""What erasures on one base have in common, remembered: embeddings above all.

The sentences of one concept are the swaps and the regular sentences of the others, and every concept protects the same
listed prompts. A worker keeps one `ErasureCache` for its base: many concepts cost little more than their own steps.
"""

import sys
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from threading import Lock
from typing import Generic, TypeVar, cast

import torch
from PIL import Image
from torch import Tensor

from sepme_core.erasure.blocks import blocks
from sepme_core.erasure.effort import Effort, effort_for
from sepme_core.evaluation.classifier import Classifier
from sepme_core.models.model import DiffusionModel
from sepme_core.models.prompts import embed

Item = TypeVar("Item")
Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")
BATCH = 32
EMBEDDING_BYTES = 512 * 2**20
REMEMBERED_BYTES = 1536 * 2**20
"""Moments, norms, latents, single numbers: at the width of SD 1.x those of a hundred known concepts, 15 MB each."""


class BoundedCache(Generic[Key, Value]):
    """Values by their key, as many as hold ``most`` bytes; the least recently used go first. For several threads."""

    def __init__(self, most: int) -> None:
        self._most, self._held = most, 0
        self._kept: OrderedDict[Key, tuple[Value, int]] = OrderedDict()
        self._lock = Lock()

    def __iter__(self) -> Iterator[Key]:
        return iter(list(self._kept))

    @property
    def held(self) -> int:
        """The bytes that its values hold."""
        return self._held

    def values(self) -> list[Value]:
        """All of them."""
        return [value for value, _ in self._kept.values()]

    def found(self, keys: Sequence[Key]) -> dict[Key, Value]:
        """Those of the keys that there are, as used last."""
        with self._lock:
            there = [key for key in dict.fromkeys(keys) if key in self._kept]
            for key in there:
                self._kept.move_to_end(key)
            return {key: self._kept[key][0] for key in there}

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._kept.clear()
            self._held = 0

    def keep(self, key: Key, value: Value) -> None:
        """Remember a value; one that holds more than all may is not kept."""
        size = bytes_held([key, value])
        if size > self._most:
            return
        with self._lock:
            self._held -= self._kept.pop(key, (value, 0))[1]
            self._kept[key] = (value, size)
            self._held += size
            while self._held > self._most:
                _, (_, dropped) = self._kept.popitem(last=False)
                self._held -= dropped


def bytes_held(value: object) -> int:
    """What stays in memory for as long as a value does: of a tensor its whole storage, which may be its batch's."""
    sizes: dict[int, int] = {}
    counted, left = [], [value]
    while left:
        each = left.pop()
        if id(each) in sizes:
            continue
        counted.append(each)  # so that no other object is given its id
        sizes[id(each)] = 0
        if isinstance(each, Tensor):
            left.append(each.untyped_storage())
        elif isinstance(each, torch.UntypedStorage):
            sizes[id(each)] = each.nbytes()
        elif isinstance(each, Image.Image):
            sizes[id(each)] = each.width * each.height * len(each.getbands())
        elif isinstance(each, Mapping):
            left += [*each.keys(), *each.values()]
        elif isinstance(each, list | tuple | set | frozenset):
            left += each
        elif is_dataclass(each):
            left += [getattr(each, one.name) for one in fields(each)]
        else:
            sizes[id(each)] = sys.getsizeof(each)
    return sum(sizes.values())


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
