"""What is kept so that it need not be made again, bounded in the bytes that it holds."""

import sys
from collections import OrderedDict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from threading import Lock
from typing import Generic, TypeVar

import torch
from PIL import Image
from torch import Tensor

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class BoundedCache(Generic[Key, Value]):
    """Values by their key, as many as hold ``most`` bytes; the least recently used go first. For several threads."""

    def __init__(self, most: int) -> None:
        self.most, self._held = most, 0
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

    def get(self, key: Key) -> Value | None:
        """What is kept under a key, as used last; None where nothing is."""
        return self.found([key]).get(key)

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

    def keep(self, key: Key, value: Value, holding: int | None = None) -> None:
        """Remember a value; one that holds more than all may is not kept.

        ``holding``: the bytes that it counts with; unset, those that are found in it and its key.
        """
        size = bytes_held([key, value]) if holding is None else holding
        if size > self.most:
            return
        with self._lock:
            self._held -= self._kept.pop(key, (value, 0))[1]
            self._kept[key] = (value, size)
            self._held += size
            while self._held > self.most:
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
