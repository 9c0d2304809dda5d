"""What is kept so that it need not be made again, bounded in the bytes that it holds."""

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

from torch import Tensor

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Bounded(Generic[Key, Value]):
    """Values by key, the least recently used dropped first. For one thread at a time."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.held_bytes = 0
        self._kept: OrderedDict[Key, tuple[Value, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Key) -> Value | None:
        """What is kept under ``key``, which was used by this; None where nothing is."""
        if key not in self._kept:
            return None
        self._kept.move_to_end(key)
        return self._kept[key][0]

    def keep(self, key: Key, value: Value, held_bytes: int) -> None:
        """Keep a value that holds so many bytes; one that holds more than all may is not kept."""
        self._drop(key)
        self._kept[key] = value, held_bytes
        self.held_bytes += held_bytes
        while self.held_bytes > self.most_bytes:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: Key) -> None:
        _, held_bytes = self._kept.pop(key, (None, 0))
        self.held_bytes -= held_bytes


def storage_bytes(tensors: Iterable[Tensor]) -> int:
    """What tensors keep in memory: a view keeps the whole of what it is a view of, and two of the same keep it once."""
    storages = [tensor.untyped_storage() for tensor in tensors]
    return sum({storage._cdata: storage.nbytes() for storage in storages}.values())  # noqa: SLF001  (not all have addresses)
