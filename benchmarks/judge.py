"""What the judge's word is worth: ``python -m benchmarks.judge``.

Objects on the pairs kept from its training, on the demo model's own pictures and on icon sets it was not trained on;
and how often it names an object where none is to be seen: other icons, pictures of nothing in particular, and what the
demo model's decoder makes of latents of nothing. The new sets, fetched with ``npm pack``, are for this alone.
"""

import argparse
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image

from sepme_core.demo import MODEL_FOLDER
from sepme_core.demo.corpus import draw, fetch_set, load_concepts, move, render_drawing
from sepme_core.demo.training.judge import accuracy, held_out_pairs
from sepme_core.demo.training.nothing import SOURCES, Source
from sepme_core.demo.training.others import draw_others, other_names
from sepme_core.demo.training.pictures import Corpus, draw_corpus
from sepme_core.demo.training.sets import crossing, filters, find_icons
from sepme_core.drawing.request import PictureRequest
from sepme_core.evaluation.accuracy import Seen, by_concept, every_pair, look_at_all, percent
from sepme_core.evaluation.judge import Judge, Verdict, load_judge
from sepme_core.models.model import DiffusionModel, load_base

SEED = 20_000
PICTURES = 512
MOVES = 2
# Sets the judge never saw, and what an object is called in them where that is not our name.
NEW_SETS = {
    "@iconify-json/openmoji": {},
    "@iconify-json/fxemoji": {"cat": "cat", "pizza": "sliceofpizza", "tree": "evergreen", "house": "housebuilding"},
    "@iconify-json/emojione-v1": {"umbrella": "umbrella-with-rain-drops"},
}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("build/demo-model"), help="the training's folder")
    parser.add_argument("--judge", type=Path, default=MODEL_FOLDER / "judge", help="the judge's folder")
    parser.add_argument("--times", type=int, default=2, help="pictures of every object in every style")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    judge, corpus = load_judge(options.judge), draw_corpus(options.work)
    kept_out = held_out_pairs(*corpus.shape[:2])
    unseen = accuracy(judge.network, corpus, kept_out)
    print(f"pairs it never saw: object {100 * unseen['object']:.1f} %, look {100 * unseen['look']:.1f} %", flush=True)
    base = load_base("demo")
    print_own_pictures(base, judge, options.times)
    for package, names in NEW_SETS.items():
        print_new_set(judge, package, names, options.work)
    print_nothing(base, judge, Source(corpus, (~kept_out).nonzero()), options.work)


def print_own_pictures(base: DiffusionModel, judge: Judge, times: int) -> None:
    """The demo model's pictures in held-out wordings."""
    side = base.picture_side
    request = PictureRequest("", steps=12, guidance_scale=4.0, width=side, height=side)
    seen = look_at_all(base, judge, every_pair(base.suggestions.objects, base.suggestions.styles, times), (), request)
    cells = {name: right for name, right in by_concept(seen).items() if name in base.suggestions.objects}
    worst = min(cells, key=cells.__getitem__)
    print(
        f"the demo model's own pictures ({len(seen)}): object {percent(each.object_right for each in seen):.1f} %, "
        f"style {percent(each.style_right for each in seen):.1f} %, none seen {none_seen(seen):.1f} %; "
        f"worst object {worst} {cells[worst]:.1f} %",
        flush=True,
    )


def none_seen(seen: Sequence[Seen]) -> float:
    """Pictures in which the judge sees none of the objects, in percent."""
    return percent(each.verdict.object is None for each in seen)


@dataclass(frozen=True)
class NewSet:
    """Pictures of one set: its objects with their names, and other icons, of names trained on in other sets or not."""

    objects: list[tuple[str, Image.Image]]
    others: list[Image.Image]
    unseen: list[Image.Image]


def draw_new_set(package: str, names: dict[str, str], work: Path) -> NewSet:
    """Every object under every filter, and every other icon that shows none of them under one."""
    path, random_ = fetch_set(package, work / "sets"), random.Random(SEED)

    def picture(icon: str, filter_: str) -> Image.Image:
        return draw(move(render_drawing(path, icon), random_), crossing(package, filter_))

    objects = [
        (name, picture(icon, filter_))
        for name, ours in load_concepts().objects.items()
        for icon in find_icons(path, names.get(name, ours))
        for filter_ in filters() * MOVES
    ]
    others, unseen = (
        [picture(icon, random_.choice(filters())) for name in known for icon in find_icons(path, name)]
        for known in other_names(work)
    )
    return NewSet(objects, others, unseen)


def print_new_set(judge: Judge, package: str, names: dict[str, str], work: Path) -> None:
    """One set that the judge was not trained on."""
    drawn = draw_new_set(package, names, work)
    verdicts = judge_all(judge, [picture for _, picture in drawn.objects])
    asked = [name for name, _ in drawn.objects]
    right = percent(verdict.object == name for name, verdict in zip(asked, verdicts, strict=True))
    none = percent(verdict.object is None for verdict in verdicts)
    print(f"{package}: {len(set(asked))} objects, {len(asked)} pictures: right {right:.1f} %, none seen {none:.1f} %")
    print(f"  called an object: other icons {called(judge, drawn.others)}")
    print(f"  called an object: other icons of names it never saw {called(judge, drawn.unseen)}", flush=True)


def print_nothing(base: DiffusionModel, judge: Judge, source: Source, work: Path) -> None:
    """How often an object is named where there is none: by source."""
    unseen = to_pictures(draw_others(work).unseen.float() / 127.5 - 1)
    print(f"called an object: other icons of the sets it knows, names it never saw {called(judge, unseen)}")
    for name, draw_source in SOURCES.items():
        pictures = draw_source(source, PICTURES, torch.Generator().manual_seed(SEED))
        print(f"called an object: {name} {called(judge, to_pictures(pictures))}", flush=True)
    for name, pictures in astray(base, source.corpus).items():
        print(f"called an object: the demo model's {name} {called(judge, to_pictures(pictures))}", flush=True)


@torch.no_grad()
def astray(base: DiffusionModel, corpus: Corpus, count: int = PICTURES) -> dict[str, torch.Tensor]:
    """What the demo model's decoder makes of latents of nothing, (count, 3, height, width); no training had these."""
    generator = torch.Generator().manual_seed(SEED)
    every = torch.ones(corpus.shape[:2], dtype=torch.bool).nonzero()
    first, second = (
        base.autoencoder.encode(part).latent_dist.mean for part in Source(corpus, every).take_two(count, generator)
    )
    deviation = first.std()
    random_ = torch.randn(first.shape, generator=generator) * deviation
    mixed = first.lerp(second, 0.5)
    decoded = {"mixed latents": mixed, "noisy mixed latents": mixed + random_ / 2, "random latents": random_}
    return {name: base.autoencoder.decode(latents).sample.clamp(-1, 1) for name, latents in decoded.items()}


def called(judge: Judge, pictures: Sequence[Image.Image]) -> str:
    """How many pictures the judge names an object in, and the object it names most."""
    named = [verdict.object for verdict in judge_all(judge, pictures) if verdict.object is not None]
    most = f", {named.count(favourite)} {favourite}" if (favourite := max(named, key=named.count, default="")) else ""
    return f"{100 * len(named) / max(len(pictures), 1):.1f} % ({len(named)} of {len(pictures)}{most})"


def judge_all(judge: Judge, pictures: Sequence[Image.Image]) -> list[Verdict]:
    """Verdicts, in batches."""
    starts = range(0, len(pictures), 128)
    return [verdict for start in starts for verdict in judge.look_at(pictures[start : start + 128])]


def to_pictures(pixels: torch.Tensor) -> list[Image.Image]:
    """Pixels (pictures, 3, height, width) in [-1, 1] as pictures."""
    levels = ((pixels + 1) * 127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
    return [Image.fromarray(each) for each in levels]


if __name__ == "__main__":
    main()
