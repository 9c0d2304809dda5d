"""Sums over more than is held at once, part by part, each part bounded in bytes.

What fits one part is one product or one sum, whose rounding does not depend on the bound: on a small model nothing is
ever parted.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import torch
from torch import Tensor

Item = TypeVar("Item")
BLOCK_BYTES = 64 * 2**20


def blocks(items: Sequence[Item], item_bytes: int) -> Iterator[Sequence[Item]]:
    """Consecutive parts of ``items`` that take at most BLOCK_BYTES, or are one item."""
    size = max(BLOCK_BYTES // item_bytes, 1)
    for start in range(0, len(items), size):
        yield items[start : start + size]


def sum_of(tensors: Iterable[Tensor]) -> Tensor | None:
    """The sum of tensors of one shape, made as they are needed, without a stack of them all; None where there are none.

    Parts are stacked: PyTorch sums a stack in an order of its own, which a running sum would not round like.
    """
    total: Tensor | None = None
    part: list[Tensor] = []
    for tensor in tensors:
        part.append(tensor)
        if (len(part) + 1) * tensor.nbytes > BLOCK_BYTES:
            total, part = _with(total, part), []
    return _with(total, part) if part else total


def _with(total: Tensor | None, part: Sequence[Tensor]) -> Tensor:
    added = torch.stack(list(part)).sum(0)
    return added if total is None else total.add_(added)
