"""What an increment must not act on, as an orthonormal basis; its complement is the null space (A S = 0).

The published method row-reduces A exactly, which is slow and badly conditioned. Here the rows of the empty prompt, and
the start token, count to numerical rank, and the rows of all other known concepts by the leading directions of their
listed prompts. Everything is float64.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

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

    def project(self, rows: Tensor) -> Tensor:
        """Rows (…, d_in) without their part in the protected directions."""
        return rows - (rows @ self.protected) @ self.protected.T


def leading_directions(rows: Tensor, tolerance: float) -> Tensor:
    """Right singular vectors of ``rows`` (count, d_in) with sigma > tolerance * sigma_0, as columns (d_in, kept).

    From the Gram matrix, whose eigenvalues are the squared singular values: below 1e-8 of sigma_0 float64 leaves noise
    only, so that no tolerance counts for less than NUMERICAL_RANK.
    """
    if not len(rows):
        return rows.new_zeros(rows.shape[-1], 0)
    energies, directions = torch.linalg.eigh(rows.T @ rows)
    kept = energies > max(tolerance, NUMERICAL_RANK) ** 2 * energies[-1].clamp_min(torch.finfo(rows.dtype).tiny)
    return directions[:, kept].flip(1)


def null_space(empty_rows: Tensor, protected_rows: Sequence[Tensor], tolerance: float) -> NullSpace:
    """The directions free of the empty prompt's rows (tokens, d_in) and of the leading ones of all protected rows.

    Each block of ``protected_rows``, (rows, d_in), counts with the same total energy, so that a concept with many
    prompts does not hide one with few.
    """
    exact = leading_directions(empty_rows.double(), NUMERICAL_RANK)
    if not protected_rows:
        return NullSpace(exact)
    blocks = [NullSpace(exact).project(block.double()) for block in protected_rows]
    scaled = [block / block.norm().clamp_min(1e-12) for block in blocks]
    others = leading_directions(torch.cat(scaled), tolerance)
    basis, _ = torch.linalg.qr(torch.cat([exact, others], 1))
    return NullSpace(basis)
