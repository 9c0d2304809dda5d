"""The bars on many concepts at once: ``python -m benchmarks.promise``, which prints the table.

Six objects, six styles and sixteen objects erased at once; each given back while the others stay erased; one that
comes late, by re-projection; all 33 concepts of the demo model registered, each erased alone and in twelve random sets
of six; all of them in one mask. Held-out wordings, the judge, 12 DDIM steps. Every cell has at least 40 pictures unless
``--quick``. Finished cases lie in ``docs/measured``, those that are quick or of other settings in ``build/promise``;
they are measured again only where the defaults have changed, or with ``--fresh``.
"""

import argparse
import json
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from PIL import Image

from sepme_core.base import Base, load_base
from sepme_core.canonical import digest_of
from sepme_core.demo import MODEL_FOLDER
from sepme_core.erasure import (
    ErasureRefused,
    ErasureRequest,
    ErasureSettings,
    KnownConcept,
    Shared,
    erase,
    reproject,
    run_to_end,
)
from sepme_core.evaluation.accuracy import Asked, Seen, by_concept, every_pair, look_at_all, percent, select
from sepme_core.evaluation.judge import Judge, Verdict, load_judge
from sepme_core.evaluation.similarity import structural_similarity
from sepme_core.generation import PictureRequest, draw
from sepme_core.increment import Increment
from sepme_core.wordings import listed

FOLDER = Path("build/promise")
MEASURED = Path("docs/measured")
SETS = random.Random(2402)  # the sets were drawn once, before anything was tuned on them
STEPS, GUIDANCE = 12, 4.0
LEAST_PICTURES = 40
GIVEN_BACK_PICTURES = 90  # their bar is two points: one picture of 45 would be more
AGAIN = 500_000  # the first seed of the pairs that are drawn again to fill their cells


@dataclass(frozen=True)
class Bars:
    """What a case is held to: percent forgotten, and points below the base."""

    forgotten: float
    mean_drop: float
    worst_drop: float


SIX_OBJECTS, SIX_STYLES, SIXTEEN = Bars(6, 3, 12), Bars(12, 3, 12), Bars(6, 5, 15)


@dataclass(frozen=True)
class Bench:
    """What every case works with."""

    base: Base
    judge: Judge
    shared: Shared
    kinds: Mapping[str, str]
    settings: ErasureSettings
    quick: bool

    @property
    def drawing(self) -> PictureRequest:
        """How every picture is drawn."""
        side = self.base.picture_side
        return PictureRequest("", steps=STEPS, guidance_scale=GUIDANCE, width=side, height=side)

    def known(self, names: Iterable[str]) -> list[KnownConcept]:
        """The concepts as an eraser knows them."""
        return [KnownConcept(name, self.kinds[name], (name,)) for name in names]

    def erase(self, name: str, known: Sequence[str]) -> Increment:
        """One increment that leaves ``known`` alone."""
        request = ErasureRequest(name, self.kinds[name], (name,), settings=self.settings)
        others = self.known(each for each in known if each != name)
        return run_to_end(erase(self.base, request, others, shared=self.shared)).increment

    def asked(self, erased: Sequence[str]) -> list[Asked]:
        """Every pair, and pairs of what is not erased again, until each cell has its pictures."""
        objects, styles = self.base.suggestions.objects, self.base.suggestions.styles
        if self.quick:
            return every_pair(objects, styles, 1)
        kept_objects, kept_styles = ([each for each in names if each not in erased] for names in (objects, styles))
        turns = -(-LEAST_PICTURES // len(styles))
        missing = max(-(-LEAST_PICTURES // max(len(kept_styles), 1)) - turns, 0)
        return every_pair(objects, styles, turns) + every_pair(kept_objects, kept_styles, missing, first_seed=AGAIN)

    def look(self, asked: Sequence[Asked], increments: Sequence[Increment]) -> list[Seen]:
        """The pictures under a mask, judged; the base's own are looked at once."""
        again = next((place for place, each in enumerate(asked) if each.seed >= AGAIN), len(asked))
        parts = [part for part in (asked[:again], asked[again:]) if part]
        return [seen for part in parts for seen in self.look_at_part(part, increments)]

    def look_at_part(self, asked: Sequence[Asked], increments: Sequence[Increment]) -> list[Seen]:
        """The same for pictures that are drawn together."""
        if increments:
            return look_at_all(self.base, self.judge, asked, increments, self.drawing)
        path = FOLDER / f"base-{digest_of([asdict(each) for each in asked])[7:19]}.json"
        if not path.exists():
            seen = look_at_all(self.base, self.judge, asked, (), self.drawing)
            path.write_text(json.dumps([[each.verdict.object, each.verdict.look] for each in seen]))
        return [
            Seen(each, Verdict(*verdict)) for each, verdict in zip(asked, json.loads(path.read_text()), strict=True)
        ]


def main() -> None:
    """Run the cases that are not done, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few pictures a cell, for a first look")
    parser.add_argument("--fresh", action="store_true", help="forget finished cases")
    parser.add_argument("--only", help="cases whose name begins so")
    parser.add_argument("--settings", default="{}", help="options of the eraser, as JSON")
    options = parser.parse_args()
    settings = ErasureSettings.from_options(json.loads(options.settings))
    folder = folder_for(settings, options.quick)
    for each in (FOLDER, folder):
        each.mkdir(parents=True, exist_ok=True)
    base = load_base("demo")
    objects, styles = base.suggestions.objects, base.suggestions.styles
    kinds = dict.fromkeys(objects, "object") | dict.fromkeys(styles, "style")
    bench = Bench(base, load_judge(MODEL_FOLDER / "judge"), Shared(base), kinds, settings, options.quick)
    for name, case in cases(objects, styles).items():
        if options.only and not name.startswith(options.only):
            continue
        result = None if options.fresh else finished(folder / f"{name}.json", settings)
        if result is None:
            result = case(bench)
            kept = {**result, "settings": settings.to_options()}
            (folder / f"{name}.json").write_text(json.dumps(kept, indent=1) + "\n")
        print(f"{name:24} {line(result)}", flush=True)


def folder_for(settings: ErasureSettings, quick: bool) -> Path:
    """Where finished cases lie: what the defaults were measured at is kept, the rest is for whoever looks."""
    if settings == ErasureSettings() and not quick:
        return MEASURED
    return FOLDER / f"{'quick' if quick else 'full'}-{digest_of(settings.to_options())[7:19]}"


def finished(path: Path, settings: ErasureSettings) -> dict[str, Any] | None:
    """The case as it was measured with these settings, if it was."""
    if not path.exists():
        return None
    result: dict[str, Any] = json.loads(path.read_text())
    return result if result["settings"] == settings.to_options() else None


def cases(objects: Sequence[str], styles: Sequence[str]) -> dict[str, Callable[[Bench], dict[str, Any]]]:
    """Every case of the table by name."""
    everything = [*objects, *styles]
    six_objects, six_styles = SETS.sample(objects, 6), SETS.sample(styles, 6)
    sixteen = SETS.sample(objects, 16)
    late = SETS.sample([each for each in everything if each not in six_objects], 2)
    sets = [SETS.sample(everything, 6) for _ in range(12)]
    return {
        "six-objects": lambda bench: at_once(bench, six_objects, six_objects, SIX_OBJECTS),
        "six-styles": lambda bench: at_once(bench, six_styles, six_styles, SIX_STYLES),
        "sixteen-objects": lambda bench: at_once(bench, sixteen, sixteen, SIXTEEN),
        "restored-of-six-objects": lambda bench: restored(bench, six_objects, six_objects),
        "restored-of-six-styles": lambda bench: restored(bench, six_styles, six_styles),
        "restored-late": lambda bench: restored_late(bench, six_objects, late),
        "each-alone-of-33": lambda bench: each_alone(bench, everything),
        **{
            f"set-{number:02}-of-33": partial(at_once, names=chosen, known=everything, bars=SIX_STYLES)
            for number, chosen in enumerate(sets, 1)
        },
        "all-33-in-one-mask": lambda bench: all_masked(bench, everything),
        "empty-mask": empty_mask,
    }


def at_once(bench: Bench, names: Sequence[str], known: Sequence[str], bars: Bars) -> dict[str, Any]:
    """All of ``names`` in one mask: what is forgotten, and what the rest loses against the base."""
    began = time.perf_counter()
    increments = [bench.erase(name, known) for name in names]
    seconds = time.perf_counter() - began
    asked = bench.asked(names)
    return {
        **compare(bench, names, bench.look(asked, []), bench.look(asked, increments)),
        "bars": asdict(bars),
        "kb": max(len(increment.to_bytes()) for increment in increments) / 1000,
        "seconds": seconds / len(names),
        "names": list(names),
    }


def compare(bench: Bench, erased: Sequence[str], plain: list[Seen], masked: list[Seen]) -> dict[str, Any]:
    """Right answers for what is erased, and drops of all else, from the same pictures with and without."""
    forgotten = {name: right(bench, masked, name) for name in erased}

    def others(seen: list[Seen]) -> dict[str, float]:
        return by_concept(select(seen, lambda each: each.object not in erased and each.style not in erased))

    before, after = others(plain), others(masked)
    drops = {name: before[name] - after[name] for name in before}
    return {"forgotten": forgotten, "drops": drops, "cells": cell_size(masked, erased)}


def right(bench: Bench, seen: list[Seen], name: str) -> float:
    """How often the concept is seen where it is asked for, in percent."""
    is_object = bench.kinds[name] == "object"
    asked = select(seen, lambda each: name in (each.object, each.style))
    return percent(each.object_right if is_object else each.style_right for each in asked)


def cell_size(seen: list[Seen], erased: Sequence[str]) -> int:
    """Pictures in the smallest cell of what is not erased."""
    kept = [each.asked for each in seen if each.asked.object not in erased and each.asked.style not in erased]
    names = {name for each in kept for name in (each.object, each.style)}
    return min((sum(name in (each.object, each.style) for each in kept) for name in names), default=0)


def restored(bench: Bench, names: Sequence[str], known: Sequence[str]) -> dict[str, Any]:
    """Each of ``names`` given back while the others stay erased."""
    increments = {name: bench.erase(name, known) for name in names}
    masks = {name: [increments[other] for other in names if other != name] for name in names}
    return given_back(bench, masks)


def restored_late(bench: Bench, names: Sequence[str], late: Sequence[str]) -> dict[str, Any]:
    """Concepts that become known after ``names`` were erased: those are re-projected, and the late ones given back."""
    trained = {name: bench.erase(name, names) for name in names}
    known = bench.known([*names, *late])
    moved = {
        name: run_to_end(
            reproject(bench.base, increment, [each for each in known if each.name != name], shared=bench.shared)
        )
        for name, increment in trained.items()
    }
    masks = {name: [made.increment for made in moved.values()] for name in late}
    stale = given_back(bench, {name: list(trained.values()) for name in late})
    asked = bench.asked(names)
    again = compare(bench, names, bench.look(asked, []), bench.look(asked, masks[late[0]]))
    return {
        **given_back(bench, masks),
        **again,
        "bars": asdict(SIX_OBJECTS),
        "reasons": {name: made.reason for name, made in moved.items()},
        "stale": {"mean": stale["similarity"]["mean"], "worst": stale["similarity"]["worst"]},
        "names": list(late),
    }


def given_back(bench: Bench, masks: Mapping[str, Sequence[Increment]]) -> dict[str, Any]:
    """How like the base's pictures of each concept are those under its mask, and how often they are right."""
    losses = {}
    for name, mask in masks.items():
        erased = {increment.concept for increment in mask}
        asked = [each for each in bench.asked(()) if name in (each.object, each.style)]
        asked = [each for each in asked if not {each.object, each.style} & erased]
        asked = (asked * GIVEN_BACK_PICTURES)[: 12 if bench.quick else GIVEN_BACK_PICTURES]
        asked = [replace(each, seed=7 * place) for place, each in enumerate(asked)]
        before, after = (right(bench, bench.look(asked, increments), name) for increments in ((), mask))
        losses[name] = before - after
    return {"similarity": likeness(bench, masks), "lost": losses, "names": list(masks)}


def likeness(bench: Bench, masks: Mapping[str, Sequence[Increment]]) -> dict[str, Any]:
    """SSIM of each concept's listed prompts under its mask with the base's own pictures."""
    found: dict[str, list[float]] = {}
    for name, mask in masks.items():
        prompts = listed(bench.kinds[name], (name,)) * (1 if bench.quick else 10)
        plain = plain_pictures(bench.base, tuple(prompts), bench.drawing)
        masked = draw(bench.base, prompts, bench.drawing, mask)
        found[name] = [structural_similarity(*pair) for pair in zip(plain, masked, strict=True)]
    every = [value for values in found.values() for value in values]
    worst_of = min(found, key=lambda name: min(found[name]))
    return {"mean": sum(every) / len(every), "worst": min(every), "worst_of": worst_of}


@cache
def plain_pictures(base: Base, prompts: Sequence[str], drawing: PictureRequest) -> list[Image.Image]:
    """The base's own pictures, drawn once."""
    return draw(base, prompts, drawing)


def each_alone(bench: Bench, names: Sequence[str]) -> dict[str, Any]:
    """Each concept erased alone, all others registered; refusals as they are.

    What is forgotten has LEAST_PICTURES each. Of everything else every sixth pair is drawn once an erasure: the drops
    are those of a concept over all erasures together, and the mean drop of each erasure.
    """
    forgotten: dict[str, float] = {}
    refused: dict[str, Any] = {}
    each_drop: dict[str, float] = {}
    before: list[Seen] = []
    after: list[Seen] = []
    began, drawing = time.perf_counter(), 0.0
    pairs = every_pair(bench.base.suggestions.objects, bench.base.suggestions.styles, 1)
    for place, name in enumerate(names):
        try:
            increment = bench.erase(name, names)
        except ErasureRefused as refusal:
            refused[name] = {"code": refusal.code, **refusal.numbers}
            continue
        started = time.perf_counter()
        own = [each for each in bench.asked(()) if name in (each.object, each.style)]
        forgotten[name] = right(bench, bench.look(own[:LEAST_PICTURES], [increment]), name)
        asked = [each for each in pairs[place % 6 :: 6] if name not in (each.object, each.style)]
        wanted = set(asked)
        plain = select(bench.look(pairs, []), wanted.__contains__)
        masked = bench.look(asked, [increment])
        before, after = before + plain, after + masked
        losses = compare(bench, [name], plain, masked)["drops"]
        each_drop[name] = sum(losses.values()) / len(losses)
        drawing += time.perf_counter() - started
        print(f"  {name:12} forgotten {forgotten[name]:.1f} %, else mean -{each_drop[name]:.1f}", flush=True)
    plain_cells, cells = by_concept(before), by_concept(after)
    return {
        "forgotten": forgotten,
        "drops": {name: plain_cells[name] - cells[name] for name in cells},
        "mean_drop_by_erasure": each_drop,
        "refused": refused,
        "seconds": (time.perf_counter() - began - drawing) / len(names),
        "bars": asdict(SIX_STYLES),
        "cells": cell_size(after, ()),
        "names": list(names),
    }


def all_masked(bench: Bench, names: Sequence[str]) -> dict[str, Any]:
    """Every registered concept in one mask: nothing else is left to measure."""
    increments = [bench.erase(name, names) for name in names]
    seen = bench.look(bench.asked(()), increments)
    return {"forgotten": {name: right(bench, seen, name) for name in names}, "names": list(names)}


def empty_mask(bench: Bench) -> dict[str, Any]:
    """The pixels of the base after all this, against a base loaded anew."""
    prompts = [each.prompt for each in bench.asked(())[:: 1 if bench.quick else 5]][:48]
    plain, anew = (draw(base, prompts, bench.drawing) for base in (bench.base, load_base("demo")))
    return {"identical": sum(a.tobytes() == b.tobytes() for a, b in zip(plain, anew, strict=True)), "of": len(prompts)}


def line(result: Mapping[str, Any]) -> str:
    """A case as a line of the table; ``!`` marks a bar that is missed."""
    parts = []
    bars = result.get("bars") or asdict(Bars(100, 100, 100))
    if "forgotten" in result:
        worst = max(result["forgotten"], key=result["forgotten"].__getitem__)
        mean = sum(result["forgotten"].values()) / len(result["forgotten"])
        missed = "!" if result["forgotten"][worst] > bars["forgotten"] else ""
        parts.append(f"forgotten mean {mean:.1f} worst {result['forgotten'][worst]:.1f} % ({worst}){missed}")
    if result.get("drops"):
        worst = max(result["drops"], key=result["drops"].__getitem__)
        mean = sum(result["drops"].values()) / len(result["drops"])
        missed = "!" if mean > bars["mean_drop"] or result["drops"][worst] > bars["worst_drop"] else ""
        parts.append(f"else mean -{mean:.1f} worst -{result['drops'][worst]:.1f} ({worst}){missed}")
    if "similarity" in result:
        s = result["similarity"]
        missed = "!" if s["mean"] < 0.99 or s["worst"] < 0.97 else ""
        parts.append(f"SSIM mean {s['mean']:.4f} worst {s['worst']:.4f} ({s['worst_of']}){missed}")
        lost = max(result["lost"], key=result["lost"].__getitem__)
        parts.append(f"right -{result['lost'][lost]:.1f} ({lost}){'!' if result['lost'][lost] > 2 else ''}")
    for name, form in {"stale": "before re-projection {}", "reasons": "{}", "refused": "refused {}"}.items():
        if result.get(name):
            parts.append(form.format(result[name]))
    if "kb" in result:
        parts.append(f"{result['kb']:.0f} kB")
    if "seconds" in result:
        parts.append(f"{result['seconds']:.1f} s each")
    if "identical" in result:
        parts.append(f"{result['identical']} of {result['of']} pictures identical")
    if "cells" in result:
        parts.append(f"cells of {result['cells']} or more")
    return " | ".join(parts)


if __name__ == "__main__":
    main()
