"""Pictures of nothing in particular, as a latent diffusion model draws where it does not know what to draw.

Two objects at once with neither of them whole, an object that has run or lost its order, blobs, noise and bare
grounds, in the colours of the looks. Each source gives float32 (count, 3, height, width) in [-1, 1].
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional

from sepme_core.demo.training.pictures import Corpus

SMEARED_TO = (3, 4, 5)
TILE = 16
CORNER = 2


@dataclass(frozen=True)
class Source:
    """Where objects and colours are taken from: the (object, look) pairs that may be shown, (pairs, 2)."""

    corpus: Corpus
    seen: torch.Tensor

    def take(self, count: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """``count`` pictures (count, 3, height, width) and their pairs (count, 2)."""
        pairs = self.seen[torch.randint(len(self.seen), (count,), generator=generator)]
        variants = torch.randint(self.corpus.shape[2], (count,), generator=generator)
        return self.corpus.batch(pairs[:, 0], pairs[:, 1], variants), pairs

    def take_two(self, count: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Two times ``count`` pictures, of two different objects each and mostly in one look."""
        pictures, pairs = self.take(2 * count + 8, generator)
        order = pairs[:, 1].argsort()
        first, second = order, order.roll(1)
        different = pairs[first, 0] != pairs[second, 0]
        chosen = different.nonzero()[:, 0]
        chosen = chosen[torch.randperm(len(chosen), generator=generator)[:count]]
        return pictures[first[chosen]], pictures[second[chosen]]

    def colours(self, count: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """A ground and another colour of one picture, each (count, 3, 1, 1)."""
        pictures, _ = self.take(count, generator)
        side = pictures.shape[-1]
        rows, columns = (torch.randint(side // 4, 3 * side // 4, (count,), generator=generator) for _ in range(2))
        inside = pictures[torch.arange(count), :, rows, columns]
        return pictures[:, :, CORNER, CORNER, None, None], inside[:, :, None, None]


Draw = Callable[[Source, int, torch.Generator], torch.Tensor]


def blends(source: Source, count: int, generator: torch.Generator) -> torch.Tensor:
    """Two objects over each other, both half there."""
    first, second = source.take_two(count, generator)
    return first.lerp(second, uniform(0.4, 0.6, count, generator))


def halves(source: Source, count: int, generator: torch.Generator) -> torch.Tensor:
    """One half of an object beside, above or below the other half of another."""
    first, second = source.take_two(count, generator)
    place = torch.linspace(-1, 1, first.shape[-1]).expand(count, 1, first.shape[-1], -1)
    place = torch.where(coin(count, generator), place, place.transpose(2, 3))
    seam = ((place - uniform(-0.2, 0.2, count, generator)) * 8).sigmoid()
    return first.lerp(second, seam)


def smears(source: Source, count: int, generator: torch.Generator) -> torch.Tensor:
    """Objects blurred until only their colours and rough place are left."""
    pictures, _ = source.take(count, generator)
    parts = [
        functional.interpolate(functional.adaptive_avg_pool2d(part, to), part.shape[-2:], mode="bicubic")
        for part, to in zip(pictures.tensor_split(len(SMEARED_TO)), SMEARED_TO, strict=True)
        if len(part)
    ]
    return torch.cat(parts).clamp(-1, 1)


def warps(source: Source, count: int, generator: torch.Generator) -> torch.Tensor:
    """Objects that have run: every point moved by up to a third of the picture, neighbours alike."""
    pictures, _ = source.take(count, generator)
    side = pictures.shape[-1]
    away = smooth(count, 2, 5, side, generator).permute(0, 2, 3, 1) * uniform(0.35, 0.55, count, generator)
    still = functional.affine_grid(torch.eye(2, 3).expand(count, 2, 3), [count, 3, side, side], align_corners=False)
    return functional.grid_sample(pictures, still + away, padding_mode="border", align_corners=False)


def tiles(source: Source, count: int, generator: torch.Generator) -> torch.Tensor:
    """Objects cut into squares that lie in another order, blurred a little across the cuts."""
    pictures, _ = source.take(count, generator)
    side = pictures.shape[-1]
    cut = functional.unfold(pictures, TILE, stride=TILE)  # (count, 3 * TILE * TILE, squares)
    order = torch.rand(count, 1, cut.shape[2], generator=generator).argsort(2).expand_as(cut)
    laid = functional.fold(cut.gather(2, order), (side, side), TILE, stride=TILE)
    return functional.avg_pool2d(functional.pad(laid, (2, 2, 2, 2), mode="replicate"), 5, stride=1)


def blobs(source: Source, count: int, generator: torch.Generator) -> torch.Tensor:
    """Rounded shapes of two colours on a ground."""
    ground, ink = source.colours(count, generator)
    _, second = source.colours(count, generator)
    side = source.corpus.pictures.shape[-1]
    shape = blob_masks(count, side, generator)
    inner = shape * (smooth(count, 1, 7, side, generator) * 12).sigmoid()
    return ground.lerp(ink, shape).lerp(second, inner)


def blob_masks(count: int, side: int, generator: torch.Generator) -> torch.Tensor:
    """Masks (count, 1, side, side) in [0, 1] of one or a few shapes, mostly in the middle."""
    axis = torch.linspace(-1, 1, side).square()
    from_middle = (axis[:, None] + axis[None, :]).sqrt()
    field = smooth(count, 1, 6, side, generator) * uniform(0.3, 1.2, count, generator)
    edge = uniform(4, 20, count, generator)
    return ((field + uniform(0.4, 0.8, count, generator) - from_middle) * edge).sigmoid()


def noise(source: Source, count: int, generator: torch.Generator) -> torch.Tensor:
    """Coarse or fine noise, of all colours or between two."""
    side = source.corpus.pictures.shape[-1]
    sizes = (3, 6, 12, 24, side)
    parts = [
        smooth(len(part), 3, size, side, generator)
        for part, size in zip(torch.arange(count).tensor_split(len(sizes)), sizes, strict=True)
    ]
    field = torch.cat(parts) * uniform(0.2, 1.0, count, generator)
    ground, ink = source.colours(count, generator)
    between = ground.lerp(ink, (field[:, :1] * 2).sigmoid())
    return torch.where(coin(count, generator), between, ground + field).clamp(-1, 1)


def grounds(source: Source, count: int, generator: torch.Generator) -> torch.Tensor:
    """Bare grounds, flat or fading into another colour."""
    ground, ink = source.colours(count, generator)
    side = source.corpus.pictures.shape[-1]
    share = smooth(count, 1, 2, side, generator).abs() * uniform(-0.6, 0.6, count, generator).clamp(min=0)
    return ground.lerp(ink, share.clamp(0, 1))


SOURCES: dict[str, Draw] = {
    source.__name__: source for source in (blends, halves, smears, warps, tiles, blobs, noise, grounds)
}


def draw_nothing(source: Source, count: int, generator: torch.Generator) -> torch.Tensor:
    """``count`` pictures (count, 3, height, width) of all sources in turn."""
    shares = torch.arange(count).tensor_split(len(SOURCES))
    drawn = zip(SOURCES.values(), shares, strict=True)
    return torch.cat([draw(source, len(part), generator) for draw, part in drawn if len(part)])


def uniform(low: float, high: float, count: int, generator: torch.Generator) -> torch.Tensor:
    """One number a picture, (count, 1, 1, 1)."""
    return low + (high - low) * torch.rand(count, 1, 1, 1, generator=generator)


def coin(count: int, generator: torch.Generator) -> torch.Tensor:
    """Yes or no for each picture, (count, 1, 1, 1)."""
    return torch.randint(2, (count, 1, 1, 1), generator=generator).bool()


def smooth(count: int, channels: int, size: int, side: int, generator: torch.Generator) -> torch.Tensor:
    """Normal noise on a grid of ``size`` points a side, enlarged: (count, channels, side, side)."""
    coarse = torch.randn(count, channels, size, size, generator=generator)
    return functional.interpolate(coarse, (side, side), mode="bicubic", align_corners=False)
