"""What an increment must not act on, as an orthonormal basis; its complement is the null space (A S = 0).

The published method row-reduces A exactly, which is slow and badly conditioned. Here the rows of the empty prompt, and
the start token, count to numerical rank, and the rows of all other known concepts by the leading directions of their
listed prompts. Everything is float64.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from sepme_core.erasure.moments import second_moment

NUMERICAL_RANK = 1e-6


@dataclass(frozen=True)
class NullSpace:
    """The complement of the protected directions.

    ``protected`` is an orthonormal basis of the row space of A, (d_in, directions), float64.
    """

    protected: Tensor

    @property
    def width(self) -> int:
        """d_in."""
        return self.protected.shape[0]

    @property
    def left(self) -> int:
        """Directions that are free."""
        return self.protected.shape[0] - self.protected.shape[1]

    @cached_property
    def basis(self) -> Tensor:
        """S, orthonormal: (d_in, left)."""
        complete, _ = torch.linalg.qr(self.protected, mode="complete")
        return complete[:, self.protected.shape[1] :]

    def project(self, rows: Tensor) -> Tensor:
        """Rows (…, d_in) without their part in the protected directions."""
        return rows - (rows @ self.protected) @ self.protected.T


def leading_directions(moment: Tensor, tolerance: float) -> Tensor:
    """Right singular vectors, of rows with this second moment, with sigma > tolerance * sigma_0: (d_in, kept).

    The moment's eigenvalues are the squared singular values: below 1e-8 of sigma_0 float64 leaves noise only, so that
    no tolerance counts for less than NUMERICAL_RANK.
    """
    energies, directions = torch.linalg.eigh(moment)
    kept = energies > max(tolerance, NUMERICAL_RANK) ** 2 * energies[-1].clamp_min(torch.finfo(moment.dtype).tiny)
    return directions[:, kept].flip(1)


def null_space(empty_rows: Tensor, protected_moments: Sequence[Tensor], tolerance: float) -> NullSpace:
    """The directions free of the empty prompt's rows (tokens, d_in) and of the leading ones of all protected moments.

    Each of ``protected_moments``, (d_in, d_in), counts with the same total energy, so that a concept with many prompts
    does not hide one with few.
    """
    exact = leading_directions(second_moment(empty_rows.double()), NUMERICAL_RANK)
    if not protected_moments:
        return NullSpace(exact)
    away = torch.eye(len(exact), dtype=exact.dtype) - exact @ exact.T
    # tr(P M P) = tr(M P): only the sum is projected.
    total = torch.stack([moment / (moment * away).sum().clamp_min(1e-24) for moment in protected_moments]).sum(0)
    basis, _ = torch.linalg.qr(torch.cat([exact, leading_directions(away @ total @ away, tolerance)], 1))
    return NullSpace(basis)
