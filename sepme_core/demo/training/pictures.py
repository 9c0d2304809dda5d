"""The corpus as tensors: several moved variants of every (object, look)."""

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from sepme_core.demo.corpus import draw, drawings, load_concepts, move


@dataclass(frozen=True)
class Corpus:
    """``pictures`` uint8 (objects, looks, variants, 3, height, width)."""

    pictures: torch.Tensor

    @property
    def shape(self) -> tuple[int, int, int]:
        """Objects, looks, variants."""
        objects, looks, variants = self.pictures.shape[:3]
        return objects, looks, variants

    def batch(self, objects: torch.Tensor, looks: torch.Tensor, variants: torch.Tensor) -> torch.Tensor:
        """The chosen pictures in [-1, 1], float32 (batch, 3, height, width)."""
        return self.pictures[objects, looks, variants].float() / 127.5 - 1


def draw_corpus(folder: Path, variants: int = 32, seed: int = 0) -> Corpus:
    """Render ``variants`` moved pictures of every object in every look, or read them where they lie already."""
    cache = folder / f"corpus-{variants}-{seed}.pt"
    if cache.exists():
        return Corpus(torch.load(cache, weights_only=True))
    concepts, clean, random_ = load_concepts(), drawings(folder / "sets"), random.Random(seed)
    pictures = [
        np.asarray(draw(move(clean[name, look.name], random_), look))
        for name in concepts.objects
        for look in concepts.looks
        for _ in range(variants)
    ]
    stacked = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()
    stacked = stacked.unflatten(0, (len(concepts.objects), len(concepts.looks), variants))
    torch.save(stacked, cache)
    return Corpus(stacked)
