"""Pictographs of the same sets that show none of the objects: the judge learns to name none of them."""

import json
import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from sepme_core.demo.corpus import draw, fetch_set, load_concepts, move, render_drawing
from sepme_core.demo.training.sets import crossing, filters, find_icons, icon_names, judge_sets

LEAST_SETS = 4
FILTERS_EACH = 2
UNSEEN_EVERY = 10

# What shows an object of ours, in part or in another version, or cannot be told from one as a silhouette. It is
# neither right nor wrong to name the object in them, so they are nowhere: not trained on and not counted.
NEAR = re.compile(
    r"""(^|-)(
        cat|kitten|tiger-face|fish|blowfish|shark|carp|fishing|moth|squid|apple|tomato|tangerine|peach|mushroom|desert
        |blossom|hibiscus|rosette|flower|bouquet|tree|pine|park|camping|automobile|taxi|police-car|sport-utility-vehicle
        |racing-car|pickup-truck|minibus|bus|trolleybus|ambulance|rickshaw|oncoming|boat|sailboat|speedboat|ship|ferry
        |canoe|house|houses|hut|home|umbrella|banjo|violin|guitar|key|crown|prince|princess|heart|hearts|love
    )(-|$)""",
    re.VERBOSE,
)
# Hundreds of these differ in a person's hair or hands alone and would outnumber everything else.
REPEATED = re.compile(r"^(flag|man|woman|family|couple|kiss|keycap|letter)-|-(oclock|thirty)$|skin-tone")


def other_names(folder: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of icons that show none of the objects: those to train on, and those kept from training."""
    concepts = load_concepts()
    counts: Counter[str] = Counter()
    for package in {look.package for look in concepts.looks}:
        counts.update(icon_names(fetch_set(package, folder / "sets")))
    ours = set(concepts.objects.values())
    common = [name for name, count in counts.items() if count >= LEAST_SETS and name not in ours]
    kept = sorted(name for name in common if not NEAR.search(name) and not REPEATED.search(name))
    unseen = kept[::UNSEEN_EVERY]
    return tuple(name for name in kept if name not in set(unseen)), tuple(unseen)


@dataclass(frozen=True)
class Others:
    """Pictures uint8 (pictures, 3, height, width) of icons to train on, and of icons of other names."""

    seen: torch.Tensor
    unseen: torch.Tensor


def draw_others(folder: Path, seed: int = 3) -> Others:
    """Every such icon of every set under a few filters; read where they lie already."""
    seen, unseen = other_names(folder)
    cache, names = folder / f"others-{FILTERS_EACH}-{seed}.pt", json.dumps([seen, unseen])
    if cache.exists():
        kept = torch.load(cache, weights_only=True)
        if kept["names"] == names:
            return Others(kept["seen"], kept["unseen"])
    random_ = random.Random(seed)
    others = Others(draw_icons(folder, seen, random_), draw_icons(folder, unseen, random_))
    torch.save({"names": names, "seen": others.seen, "unseen": others.unseen}, cache)
    return others


def draw_icons(folder: Path, names: Sequence[str], random_: random.Random) -> torch.Tensor:
    """uint8 (pictures, 3, height, width): each name of every set that has it, in a look of the set and in others."""
    pictures = []
    for package in judge_sets():
        path = fetch_set(package, folder / "sets")
        own = [look.filter for look in load_concepts().looks if look.package == package] or ["plain"]
        for drawing in [render_drawing(path, each) for name in names for each in find_icons(path, name)]:
            chosen = [random_.choice(own), *random_.sample(filters(), FILTERS_EACH)]
            pictures += [np.asarray(draw(move(drawing, random_), crossing(package, name))) for name in chosen]
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()
