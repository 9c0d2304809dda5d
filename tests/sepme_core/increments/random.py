"""Increments for tests that need one, whatever it erases."""

from typing import Any

import torch

from sepme_core.increments.increment import Increment
from sepme_core.models.cross_attention import conditioned_matrices
from sepme_core.models.model import DiffusionModel


def random_increment(
    base: DiffusionModel, concept: str = "cat", rank: int = 4, strength: float = 0.5, seed: int = 0
) -> Increment:
    """Random factors of the right shapes for ``base``."""
    generator = torch.Generator().manual_seed(seed)
    directions, _ = torch.linalg.qr(torch.randn(base.width, rank, generator=generator))
    weights = {
        path: (strength * torch.randn(linear.out_features, rank, generator=generator)).half()
        for path, linear in conditioned_matrices(base.unet).items()
    }
    metadata: Any = {"concept": concept, "base_digest": base.digest, "certificate": {"correlation": 0.0}}
    return Increment(directions.contiguous(), weights, metadata)
