"""The mask: increments of one base, checked once, side by side on the base's device."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor

from sepme_core.bounded import BoundedCache, bytes_held
from sepme_core.canonical import digest_of
from sepme_core.documents.pictures import AppliedIncrement
from sepme_core.increments.increment import Increment, check_base
from sepme_core.models.model import DiffusionModel

MASK_BYTES = 512 * 2**20
"""What masks are kept in: six of any number of increments at Stable Diffusion 1.x's size, hundreds of a few."""
NO_INCREMENTS = digest_of([])
ALIGNMENT = 16  # float32 numbers, 64 bytes: matrix products round by where a buffer lies, and pictures must not


@dataclass(frozen=True, eq=False)
class Mask:
    """The sum of increments, in the order of their concepts' names, as one increment's factors.

    For each matrix the change is Delta = w Q^T with Q (d_in, r) and w (d_out, r), r the sum of the ranks. Where that is
    more than d_in, Delta itself costs less to apply: then Q is the identity, and w is Delta.
    """

    digest: str
    applied: tuple[AppliedIncrement, ...]
    directions: Tensor
    weights: Mapping[str, Tensor]

    def weight(self, matrix: str) -> Tensor:
        """w of one ``to_k`` or ``to_v``, (d_out, r), float32 on the base's device."""
        return self.weights[matrix]

    @property
    def held_bytes(self) -> int:
        """What its factors keep in memory."""
        return bytes_held([self.directions, *self.weights.values()])


@torch.no_grad()
def make_mask(base: DiffusionModel, increments: Sequence[Increment]) -> Mask:
    """The mask of ``increments``, whatever order they come in.

    Raises:
        IncrementForAnotherBase, IncrementDamaged: an increment does not belong to ``base``.
    """
    ordered = sorted(increments, key=lambda increment: (increment.concept, increment.digest))
    for increment in ordered:
        check_base(increment, base, increment.concept)
    directions, *weights = _side_by_side(base, ordered)
    if directions.shape[1] > base.width:
        weights = [weight @ directions.T for weight in weights]
        directions = torch.eye(base.width, device=base.device)
    return Mask(
        digest=mask_digest(base, ordered),
        applied=tuple(AppliedIncrement(concept=each.concept, digest=each.digest) for each in ordered),
        directions=directions,
        weights=dict(zip(base.conditioned_shapes, weights, strict=True)),
    )


def mask_digest(base: DiffusionModel, ordered: Iterable[Increment]) -> str:
    """The digest of a mask; that of no increments is one for all bases, as it changes none."""
    digests = [increment.digest for increment in ordered]
    return digest_of({"base": base.digest, "increments": digests}) if digests else NO_INCREMENTS


def _side_by_side(base: DiffusionModel, ordered: Sequence[Increment]) -> list[Tensor]:
    """Q and each matrix's w, stacked on the CPU and moved to the base's device at once."""
    stacks = [([each.directions for each in ordered], base.width)]
    stacks += [([each.weight(path) for each in ordered], d_out) for path, (d_out, _) in base.conditioned_shapes.items()]
    rank = sum(each.directions.shape[1] for each in ordered)
    ends = list(accumulate(-(-rows * rank // ALIGNMENT) * ALIGNMENT for _, rows in stacks))
    whole = torch.empty(ends[-1], pin_memory=base.device.type == "cuda")
    for (parts, rows), start in zip(stacks, [0, *ends], strict=False):
        if parts:
            whole[start : start + rows * rank].view(rows, rank).copy_(torch.cat([part.cpu() for part in parts], 1))
    moved = whole.to(base.device, non_blocking=True)
    return [moved[s : s + rows * rank].view(rows, rank) for (_, rows), s in zip(stacks, [0, *ends], strict=False)]


class MaskCache:
    """Masks of one base by their increments, the least recently used dropped first. For one thread at a time."""

    def __init__(self, base: DiffusionModel, most_bytes: int = MASK_BYTES) -> None:
        self._base = base
        self._masks: BoundedCache[tuple[str, ...], Mask] = BoundedCache(most_bytes)

    @property
    def held_bytes(self) -> int:
        """What the masks keep in memory."""
        return self._masks.held

    def get(self, increments: Sequence[Increment]) -> Mask:
        """The mask of ``increments``, whatever order they come in; made when it is asked for first.

        Raises:
            IncrementForAnotherBase, IncrementDamaged: an increment does not belong to the base.
        """
        key = tuple(sorted(increment.digest for increment in increments))
        mask = self._masks.get(key)
        if mask is None:
            mask = make_mask(self._base, increments)
            self._masks.keep(key, mask, mask.held_bytes)
        return mask
