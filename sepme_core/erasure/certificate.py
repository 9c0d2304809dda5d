"""What is measured of a finished increment: its effect on fresh x_t, and its leak on what it must not touch."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from sepme_core.base import Base
from sepme_core.cross_attention import Factors, conditioned_matrices
from sepme_core.erasure.correlation import cosine_correlation, relative_correlation
from sepme_core.erasure.noised_latents import NoisedLatents, predict_all
from sepme_core.erasure.protection import Kept
from sepme_core.erasure.shared import Shared

MOST_LOSS = 0.3
"""A concept of which more than this share of L_cor is left on fresh x_t is not erased."""
BATCH = 32


@dataclass(frozen=True)
class Effect:
    """What is left of the concept on fresh x_t: the correlation as a cosine, and L_cor over its value without."""

    correlation: float
    relative_loss: float

    @property
    def gone(self) -> float:
        """The share of L_cor that is gone: 0 where nothing is erased, above 1 where the increment goes beyond."""
        return max(1 - self.relative_loss, 0.0)


def certify(shared: Shared, increment: Factors, kept: Sequence[Kept], effect: Effect) -> dict[str, Any]:
    """All that is measured of an increment, whichever way it was made; JSON."""
    leaks = measure_leaks(shared, increment, kept)
    worst = max(leaks, key=leaks.__getitem__, default=None)
    return {
        **asdict(effect),
        "relative_norm": round(relative_norm(shared.base, increment), 6),
        "leak": {
            "max": round(leaks[worst], 6) if worst else 0.0,
            "concept": worst,
            "by_concept": {name: round(leak, 6) for name, leak in leaks.items()},
        },
    }


@torch.no_grad()
def measure_leaks(shared: Shared, increment: Factors, kept: Sequence[Kept]) -> dict[str, float]:
    """By name: the largest |e Delta| / |e W| over matrices, listed prompts and token rows but the start."""
    if not kept:
        return {}
    rows = [shared.rows(each.texts) for each in kept]
    ratios = leak_of_rows(shared.base, increment, torch.cat(rows))
    parts = ratios.split([len(part) for part in rows])
    return {each.name: float(part.max()) for each, part in zip(kept, parts, strict=True)}


def leak_of_rows(base: Base, increment: Factors, rows: Tensor) -> Tensor:
    """max over the matrices of |e Delta| / |e W| for token rows (rows, d_in): (rows,)."""
    wide = rows.to(base.device, torch.float32)
    reached = wide @ increment.directions.to(base.device)  # (rows, rank)
    worst = torch.zeros(len(wide), device=base.device)
    for path, linear in conditioned_matrices(base.unet).items():
        moved = (reached @ increment.weight(path).float().to(base.device).T).norm(dim=1)
        worst = worst.maximum(moved / (wide @ linear.weight.float().T).norm(dim=1).clamp_min(1e-12))
    return worst.cpu()


@torch.no_grad()
def measure_effect(base: Base, increment: Factors, fresh: NoisedLatents) -> Effect:
    """The effect on x_t the eraser never saw."""
    predicted = predict_all(base, fresh.noised, fresh.times, fresh.embeddings, [increment], BATCH)
    return Effect(
        round(cosine_correlation(fresh, predicted), 6), round(float(relative_correlation(fresh, predicted)), 6)
    )


def relative_norm(base: Base, increment: Factors) -> float:
    """The mean over matrices of |Delta| / |W|, Frobenius; Q is orthonormal, so |Delta| is |w|."""
    ratios = [
        float(increment.weight(path).float().norm() / linear.weight.float().norm().cpu())
        for path, linear in conditioned_matrices(base.unet).items()
    ]
    return sum(ratios) / len(ratios)
