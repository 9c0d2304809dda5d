"""By chance: how often the judge names a concept in pictures that were not asked for it."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import torch
from PIL import Image

from benchmarks.promise.bench import Bench
from benchmarks.promise.sets import BLOCK, block
from benchmarks.promise.store import FOLDER, recall_json
from sepme_core.canonical import digest_of
from sepme_core.demo.saying import with_article
from sepme_core.demo.training.nothing import Source, draw_nothing
from sepme_core.demo.training.pictures import Corpus
from sepme_core.evaluation.judge import Verdict

SEED = 60_000
PICTURES = 512
UNASKED_TURNS = 4


def chance_of_any(bench: Bench, objects: Collection[str]) -> float:
    """How often the judge names any of the objects in pictures of nothing, in percent."""
    named = objects_in_nothing(bench)
    return 100 * sum(named.get(name, 0) for name in objects) / PICTURES


def objects_in_nothing(bench: Bench) -> Mapping[str, int]:
    """How many of PICTURES each object is named in: blends, smears, blobs, noise made of the model's own drawings."""

    def count() -> dict[str, int]:
        pixels = draw_nothing(own_drawings(bench), PICTURES, torch.Generator().manual_seed(SEED))
        return dict(Counter(each.object for each in judged(bench, to_pictures(pixels)) if each.object))

    return dict(recall_json(FOLDER / "base" / f"nothing-{key(bench)}.json", count))


def own_drawings(bench: Bench) -> Source:
    """Every object in every style as the demo model draws it, to make pictures of nothing from."""
    card = bench.base.suggestions
    by_style = []
    for style in card.styles:
        asked = block(card, style, 0)
        pictures = bench.pictures([each.prompt for each in asked], asked[0].seed)
        by_style.append(torch.from_numpy(np.stack([np.asarray(each) for each in pictures])))
    stacked = torch.stack(by_style, 1).permute(0, 1, 4, 2, 3)  # (objects, styles, 3, height, width)
    every = torch.ones(stacked.shape[:2]).nonzero()
    return Source(Corpus(stacked.unsqueeze(2).contiguous()), every)


def styles_unasked(bench: Bench, with_object: bool) -> Mapping[str, float]:
    """How often the judge sees each style where none is asked for: of the empty prompt, or of an object alone."""
    objects = bench.base.suggestions.objects
    prompts = [with_article(name) for name in objects] if with_object else [""] * BLOCK

    def count() -> dict[str, int]:
        turns = [bench.pictures(prompts, SEED + BLOCK * turn) for turn in range(UNASKED_TURNS)]
        return dict(Counter(each.look for pictures in turns for each in judged(bench, pictures)))

    named = recall_json(FOLDER / "base" / f"unasked-{with_object}-{key(bench)}.json", count)
    return {style: named.get(style, 0) / (UNASKED_TURNS * len(prompts)) for style in bench.base.suggestions.styles}


def judged(bench: Bench, pictures: Sequence[Image.Image]) -> list[Verdict]:
    """Verdicts, in batches."""
    starts = range(0, len(pictures), 128)
    return [verdict for start in starts for verdict in bench.judge.look_at(pictures[start : start + 128])]


def key(bench: Bench) -> str:
    """Of the base and the judge."""
    return digest_of([bench.base.digest, bench.judge.digest])[7:19]


def to_pictures(pixels: torch.Tensor) -> list[Image.Image]:
    """Pixels (pictures, 3, height, width) in [-1, 1] as pictures."""
    levels = ((pixels + 1) * 127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
    return [Image.fromarray(each) for each in levels]
