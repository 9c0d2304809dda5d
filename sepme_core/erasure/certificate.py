"""What is measured of a finished increment: its effect on fresh x_t, and its leak on what it must not touch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sepme_core.documents.certificates import LeakSummary, Measurements
from sepme_core.erasure.cache import ErasureCache
from sepme_core.erasure.correlation import Standing, anchor_distance, cosine_correlation, relative_correlation
from sepme_core.erasure.latents import NoisedLatents, predict_all
from sepme_core.erasure.refusals import not_finite
from sepme_core.erasure.room import KeptConcept
from sepme_core.models.cross_attention import Factors, conditioned_matrices
from sepme_core.models.model import DiffusionModel

BATCH = 32


@dataclass(frozen=True)
class Effect:
    """What is left of the concept on fresh x_t.

    Attributes:
        correlation: The cosine between r_c with and without the increment.
        relative_loss: L_cor over its value without: 1 nothing is erased, 0 unrelated, below 0 pushed away.
        distance: What is left of the way to the anchor, by energy.
    """

    correlation: float
    relative_loss: float
    distance: float

    @property
    def gone(self) -> float:
        """The share of L_cor that is gone: 0 where nothing is erased, 1 where the increment reaches zero or beyond."""
        return min(max(1 - self.relative_loss, 0.0), 1.0)

    @property
    def standing(self) -> Standing:
        """As the loop looks at it."""
        return Standing(self.relative_loss, self.distance)


def certify(cache: ErasureCache, increment: Factors, kept: Sequence[KeptConcept], effect: Effect) -> Measurements:
    """All that is measured of an increment without drawing, whichever way it was made; JSON."""
    listed = summarise({each.name: measure_leak(cache, increment, each.texts) for each in kept})
    held_out = {each.name: measure_leak(cache, increment, each.held_out) for each in kept}
    other = summarise({each.name: held_out[each.name][each.unaffected(each.held_out)] for each in kept})
    return {
        "correlation": effect.correlation,
        "relative_loss": effect.relative_loss,
        "distance": effect.distance,
        "relative_norm": round(relative_norm(cache.base, increment), 6),
        "leak": {
            "max": listed["max"],
            "concept": listed["concept"],
            "by_concept": listed["by_concept"],
            "listed": listed,
            "other": other,
        },
    }


def summarise(leaks: Mapping[str, Tensor]) -> LeakSummary:
    """Leaks (sentences,) by concept as the certificate says them."""
    largest = {name: float(leak.max()) for name, leak in leaks.items() if len(leak)}
    worst = max(largest, key=largest.__getitem__, default=None)
    every = torch.cat(list(leaks.values())) if leaks else torch.zeros(0)
    return {
        "max": round(largest[worst], 6) if worst else 0.0,
        "mean": round(float(every.mean()), 6) if len(every) else 0.0,
        "concept": worst,
        "sentences": len(every),
        "by_concept": {name: round(leak, 6) for name, leak in largest.items()},
    }


@torch.no_grad()
def measure_leak(cache: ErasureCache, increment: Factors, texts: Sequence[str]) -> Tensor:
    """By sentence: the largest |e Delta| / |e W| over matrices and token rows but the start's; (sentences,)."""
    if not texts:
        return torch.zeros(0)
    base, norms = cache.base, plain_norms_of(cache, texts)
    directions = increment.directions.to(base.device)
    reached = torch.cat([float_rows(cache, part) @ directions for part in cache.blocks(texts)])  # (rows, rank)
    worst = torch.zeros(len(reached), device=base.device)
    for path, plain in zip(conditioned_matrices(base.unet), norms, strict=True):
        weight = increment.weight(path).float().to(base.device)
        # |reached w^T|² by the small Gram matrix: (rank, rank) instead of (rows, d_out).
        moved = ((reached @ (weight.T @ weight)) * reached).sum(1).clamp_min(0).sqrt()
        worst = worst.maximum(moved / plain)
    return worst.view(len(texts), -1).amax(1).cpu()


def float_rows(cache: ErasureCache, texts: Sequence[str]) -> Tensor:
    """The token rows of sentences on the model's device, which may know no float64; (rows, d_in)."""
    return cache.rows(texts).float().to(cache.base.device)


@torch.no_grad()
def plain_norms_of(cache: ErasureCache, texts: Sequence[str]) -> list[Tensor]:
    """|e W| of all token rows but the start's, for each matrix, (rows,)."""
    base = cache.base

    def measure() -> list[Tensor]:
        matrices, parts = conditioned_matrices(base.unet).values(), []
        for part in cache.blocks(texts):
            rows = float_rows(cache, part)  # (rows, d_in)
            parts.append([(rows @ linear.weight.float().T).norm(dim=1).clamp_min(1e-12) for linear in matrices])
        return [torch.cat(each) for each in zip(*parts, strict=True)]

    return cache.get_or_make(("norms", tuple(texts)), measure)


@torch.no_grad()
def measure_effect(base: DiffusionModel, increment: Factors, fresh: NoisedLatents) -> Effect:
    """The effect on x_t the eraser never saw; raises ErasureRefused (``not-finite``) where it overflows."""
    predicted = predict_all(base, fresh.noised, fresh.times, fresh.embeddings, [increment], BATCH)
    if not predicted.isfinite().all():
        raise not_finite()
    return Effect(
        round(cosine_correlation(fresh, predicted), 6),
        round(float(relative_correlation(fresh, predicted)), 6),
        round(float(anchor_distance(fresh, predicted)), 6),
    )


def relative_norm(base: DiffusionModel, increment: Factors) -> float:
    """The mean over matrices of |Delta| / |W|, Frobenius; Q is orthonormal, so |Delta| is |w|."""
    ratios = [
        float(increment.weight(path).float().norm() / linear.weight.float().norm().cpu())
        for path, linear in conditioned_matrices(base.unet).items()
    ]
    return sum(ratios) / len(ratios)
