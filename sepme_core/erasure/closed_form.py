"""The first w, without a U-Net pass: the concept's rows are sent where the same sentences without it lie.

With X the token rows of sentences that name the concept, T the matched rows of the same sentences with others in its
place, R the rows of regular sentences, and Q an orthonormal basis in the null space:

    M = argmin |(X Q) M - (T - X)|^2 / |X| + rho |(R Q) M|^2 / |R| + ridge |M|^2

and w = W M^T for each ``to_k`` and ``to_v``: one small system serves all layers.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from sepme_core.erasure.constraints import NullSpace


@dataclass(frozen=True)
class Rows:
    """Token rows (rows, d_in), float64: of the concept, where they shall go, and of regular sentences."""

    concept: Tensor
    target: Tensor
    regular: Tensor


def contrast_directions(rows: Rows, free: NullSpace, most: int, energy: float = 0.999) -> Tensor:
    """Q (d_in, rank), orthonormal: the leading directions of the contrast rows X - T that the null space leaves."""
    reached = free.project(rows.concept - rows.target)
    _, sigmas, right = torch.linalg.svd(reached, full_matrices=False)
    shares = sigmas.square().cumsum(0) / sigmas.square().sum().clamp_min(1e-30)
    rank = min(most, int((shares < energy).sum()) + 1, free.left)
    # Projecting twice: what rounding let back in is taken out again.
    directions, _ = torch.linalg.qr(free.project(right[:rank]).T)
    return directions


def closed_form(rows: Rows, directions: Tensor, regular_weight: float, ridge: float) -> Tensor:
    """M, (rank, d_in): the argmin above. ``ridge`` is relative to the concept's mean energy along Q."""
    reached = rows.concept @ directions  # X Q, (rows, rank)
    regular = rows.regular @ directions  # R Q
    gram = reached.T @ reached / len(reached)
    wanted = reached.T @ (rows.target - rows.concept) / len(reached)  # (rank, d_in)
    cost = regular_weight * (regular.T @ regular) / max(len(regular), 1)
    floor = ridge * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
    return torch.linalg.solve(gram + cost + floor, wanted)


def unreached(rows: Rows, directions: Tensor, matrix: Tensor) -> float:
    """The share of the wanted change, by energy, that the protection leaves out of reach: 0 all is done, 1 nothing."""
    wanted = rows.target - rows.concept
    missing = wanted - rows.concept @ directions @ matrix
    return float(missing.square().sum() / wanted.square().sum().clamp_min(1e-30))
