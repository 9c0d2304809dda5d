"""Objects in sets and under filters that are no look: the judge is to know them by their shape."""

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from sepme_core.demo.corpus import draw, fetch_set, load_concepts, move, render_drawing
from sepme_core.demo.training.sets import crossing, filters, find_icons, judge_sets

VARIANTS = 2

# Other icons that show the same thing.
KIN = {
    "cat": ("grinning-cat", "grinning-cat-face", "pouting-cat", "pouting-cat-face", "cat-with-wry-smile", "weary-cat"),
    "fish": ("fish",),
    "apple": ("green-apple",),
    "mushroom": ("brown-mushroom",),
    "tree": ("christmas-tree",),
    "car": ("sport-utility-vehicle", "taxi"),
    "house": ("house-with-garden",),
    "umbrella": ("umbrella-with-rain-drops",),
    "key": ("old-key",),
    "heart": ("green-heart", "black-heart", "white-heart", "heart-suit"),
}


@dataclass(frozen=True)
class Crossings:
    """Pictures uint8 (pictures, 3, height, width) and their objects' numbers, in ascending order."""

    pictures: torch.Tensor
    objects: torch.Tensor

    def take(self, count: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """``count`` pictures uint8 (count, 3, height, width) and their objects, each object as likely."""
        each = self.objects.bincount()
        chosen = torch.randint(len(each), (count,), generator=generator)
        within = (torch.rand(count, generator=generator) * each[chosen]).long()
        return self.pictures[(each.cumsum(0) - each)[chosen] + within], chosen


def draw_crossings(folder: Path, kept_out: torch.Tensor, seed: int = 1) -> Crossings:
    """Every object and its kin of every set under every filter, but for the held-out pairs; read where they lie."""
    cache = folder / f"crossings-{VARIANTS}-{seed}.pt"
    if cache.exists():
        return Crossings(*torch.load(cache, weights_only=True))
    random_, hidden = random.Random(seed), hidden_crossings(kept_out)
    pictures, objects = [], []
    for number, (object_, icon) in enumerate(load_concepts().objects.items()):
        for package in judge_sets():
            path = fetch_set(package, folder / "sets")
            found = {each: None for name in (icon, *KIN.get(object_, ())) for each in find_icons(path, name)}
            for drawing in [render_drawing(path, each) for each in found]:
                shown = [name for name in filters() if (number, package, name) not in hidden] * VARIANTS
                pictures += [np.asarray(draw(move(drawing, random_), crossing(package, name))) for name in shown]
                objects += [number] * len(shown)
    stacked = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()
    torch.save((stacked, torch.tensor(objects)), cache)
    return Crossings(stacked, torch.tensor(objects))


def hidden_crossings(kept_out: torch.Tensor) -> set[tuple[int, str, str]]:
    """Object, package and filter of the held-out pairs, a boolean (objects, looks)."""
    looks = load_concepts().looks
    return {(number, looks[place].package, looks[place].filter) for number, place in kept_out.nonzero().tolist()}
