"""The first w, without a U-Net pass: the concept's rows are sent where the same sentences without it lie.

With X the token rows of sentences that name the concept, T the matched rows of the same sentences with its substitute
in its place, S a basis of the null space and C what acting costs (on captions, on the sentences of what is protected):

    D = S · argmin_M |(X S) M - (T - X)|² / |X| + tr((S M)ᵀ C (S M)) + ridge |M|²

and Delta = W Dᵀ for each ``to_k`` and ``to_v``: one small system serves all layers. D of full rank is the best there
is; of rank r the best is its projection on the leading right singular vectors of L D, with L Lᵀ the system's matrix
(reduced-rank regression, Izenman 1975), so that no direction is spent on what a penalty forbids anyway.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from sepme_core.erasure.constraints import NullSpace
from sepme_core.erasure.moments import Moments


@dataclass(frozen=True)
class Solution:
    """D = Q M: ``directions`` Q (d_in, rank), orthonormal and in the null space, and ``matrix`` M (rank, d_in)."""

    directions: Tensor
    matrix: Tensor

    @property
    def action(self) -> Tensor:
        """D, (d_in, d_in): a row e moves by e D."""
        return self.directions @ self.matrix


def closed_form(moments: Moments, cost: Tensor, free: NullSpace, rank: int, ridge: float) -> Solution:
    """The argmin above within ``rank`` directions. ``ridge`` is relative to the concept's mean energy along S."""
    basis = free.basis  # S (d_in, left)
    energy = basis.T @ moments.concept @ basis
    floor = ridge * energy.diagonal().mean() * torch.eye(len(energy), dtype=energy.dtype)
    system = energy + basis.T @ cost @ basis + floor
    best = torch.linalg.solve(system, basis.T @ moments.wanted)  # (left, d_in)
    _, _, right = torch.linalg.svd(torch.linalg.cholesky(system).T @ best, full_matrices=False)
    kept = right[: min(rank, free.left)]  # (rank, d_in)
    directions, triangle = torch.linalg.qr(free.project((basis @ (best @ kept.T)).T).T)
    return Solution(directions, triangle @ kept)


def unreached(moments: Moments, solution: Solution) -> float:
    """The share of the wanted change, by energy, that is not done: 0 all is done, 1 nothing."""
    action = solution.action
    left = moments.change - 2 * (action * moments.wanted).sum() + (action * (moments.concept @ action)).sum()
    return float(left) / max(moments.change, 1e-30)
