"""What is measured of a finished increment: its effect on fresh x_t, and its leak on what it must not touch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sepme_core.base import Base
from sepme_core.cross_attention import Factors, conditioned_matrices
from sepme_core.erasure.correlation import cosine_correlation, relative_correlation
from sepme_core.erasure.noised_latents import NoisedLatents, predict_noise


@dataclass(frozen=True)
class Leak:
    """The largest |e Delta| / |e W| over matrices, listed prompts and token rows but the start, and where it is."""

    maximum: float
    concept: str | None


@torch.no_grad()
def measure_leak(base: Base, increment: Factors, protected: Sequence[tuple[str, Tensor]]) -> Leak:
    """The leak over ``protected``: names and the token rows (rows, d_in) of their listed prompts."""
    worst = Leak(0.0, None)
    for name, rows in protected:
        leak = leak_on_rows(base, increment, rows)
        if leak > worst.maximum:
            worst = Leak(leak, name)
    return worst


def leak_on_rows(base: Base, increment: Factors, rows: Tensor) -> float:
    """max |e Delta| / |e W| over the matrices and the token rows (rows, d_in)."""
    wide = rows.to(base.device, torch.float32)
    reached = wide @ increment.directions.to(base.device)  # (rows, rank)
    ratios = [
        (reached @ increment.weight(path).float().to(base.device).T).norm(dim=1)
        / (wide @ linear.weight.float().T).norm(dim=1).clamp_min(1e-12)
        for path, linear in conditioned_matrices(base.unet).items()
    ]
    return float(torch.stack(ratios).max())


@torch.no_grad()
def measure_effect(base: Base, increment: Factors, fresh: NoisedLatents) -> dict[str, float]:
    """The correlation that is left on x_t the eraser never saw: as a cosine, and over its value without increment."""
    parts = [fresh.pick(index) for index in torch.arange(len(fresh), device=base.device).split(16)]
    predicted = torch.cat([predict_noise(base, p.noised, p.times, p.embeddings, [increment]) for p in parts])
    return {
        "correlation": round(cosine_correlation(fresh, predicted), 6),
        "relative_loss": round(float(relative_correlation(fresh, predicted)), 6),
    }


def norms(base: Base, increment: Factors) -> dict[str, Any]:
    """The mean over matrices of |Delta| / |W|, Frobenius; Q is orthonormal, so |Delta| is |w|."""
    ratios = [
        float(increment.weight(path).float().norm() / linear.weight.float().norm().cpu())
        for path, linear in conditioned_matrices(base.unet).items()
    ]
    return {"relative_norm": round(sum(ratios) / len(ratios), 6)}
