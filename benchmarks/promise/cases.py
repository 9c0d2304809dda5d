"""The cases of the table by name, and the bars they are held to."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from benchmarks.promise.bench import AGAIN, LEAST_PICTURES, Bench
from benchmarks.promise.measures import cell_size, compare, given_back, right
from sepme_core.base import load_base
from sepme_core.erasure import ErasureRefused, reproject, run_to_end
from sepme_core.evaluation.accuracy import Asked, Seen, by_concept, every_pair, select
from sepme_core.generation import draw
from sepme_core.increment import Increment

AGAIN_PICTURES = 360
SETS = random.Random(2402)  # the sets were drawn once, before anything was tuned on them


@dataclass(frozen=True)
class Bars:
    """What a case is held to: percent of an object and of a style that is still seen, and points below the base."""

    objects: float
    styles: float
    mean_drop: float
    worst_drop: float

    def of(self, names: Sequence[str], kinds: Mapping[str, str]) -> dict[str, Any]:
        """The bars as a result keeps them: what is forgotten by name."""
        forgotten = {name: self.objects if kinds[name] == "object" else self.styles for name in names}
        return {"forgotten": forgotten, "mean_drop": self.mean_drop, "worst_drop": self.worst_drop}


SIX, SIXTEEN = Bars(6, 12, 3, 12), Bars(6, 12, 5, 15)


def cases(objects: Sequence[str], styles: Sequence[str]) -> dict[str, Callable[[Bench], dict[str, Any]]]:
    """Every case of the table by name."""
    everything = [*objects, *styles]
    six_objects, six_styles = SETS.sample(objects, 6), SETS.sample(styles, 6)
    sixteen = SETS.sample(objects, 16)
    late = SETS.sample([each for each in everything if each not in six_objects], 2)
    sets = [SETS.sample(everything, 6) for _ in range(12)]
    return {
        "six-objects": lambda bench: at_once(bench, six_objects, six_objects, SIX),
        "six-styles": lambda bench: at_once(bench, six_styles, six_styles, SIX),
        "sixteen-objects": lambda bench: at_once(bench, sixteen, sixteen, SIXTEEN),
        "restored-of-six-objects": lambda bench: restored(bench, six_objects, six_objects),
        "restored-of-six-styles": lambda bench: restored(bench, six_styles, six_styles),
        "restored-late": lambda bench: restored_late(bench, six_objects, late),
        "group-of-six-objects": lambda bench: as_a_group(bench, six_objects, SIX),
        "group-of-six-styles": lambda bench: as_a_group(bench, six_styles, SIX),
        "each-alone-of-33": lambda bench: each_alone(bench, everything),
        **{
            f"set-{number:02}-of-33": partial(at_once, names=chosen, known=everything, bars=SIX)
            for number, chosen in enumerate(sets, 1)
        },
        "all-33-in-one-mask": lambda bench: all_masked(bench, everything),
        "empty-mask": empty_mask,
    }


def at_once(bench: Bench, names: Sequence[str], known: Sequence[str], bars: Bars) -> dict[str, Any]:
    """All of ``names`` in one mask, each increment made by itself."""
    return in_one_mask(bench, names, lambda: [bench.erase(name, known) for name in names], bars)


def as_a_group(bench: Bench, names: Sequence[str], bars: Bars) -> dict[str, Any]:
    """All of ``names`` in one mask, made by one optimisation (SRS-ME†)."""
    return in_one_mask(bench, names, lambda: bench.erase_together(names), bars)


def in_one_mask(bench: Bench, names: Sequence[str], make: Callable[[], list[Increment]], bars: Bars) -> dict[str, Any]:
    """What is forgotten, and what the rest loses against the base."""
    began = time.perf_counter()
    increments = make()
    seconds = time.perf_counter() - began
    asked = bench.asked(names)
    return {
        **compare(bench, names, bench.look(asked, []), bench.look(asked, increments)),
        "bars": bars.of(names, bench.kinds),
        "kb": max(len(increment.to_bytes()) for increment in increments) / 1000,
        "seconds": seconds / len(names),
        "steps": {increment.concept: increment.certificate["steps"] for increment in increments},
        "names": list(names),
    }


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
        "bars": SIX.of(names, bench.kinds),
        "reasons": {name: made.reason for name, made in moved.items()},
        "stale": {"mean": stale["similarity"]["mean"], "worst": stale["similarity"]["worst"]},
        "names": list(late),
    }


def each_alone(bench: Bench, names: Sequence[str]) -> dict[str, Any]:
    """Each concept erased alone, all others registered; refusals as they are.

    What is forgotten has LEAST_PICTURES each; what is seen more often than its bar is looked at again. Of everything
    else every sixth pair is drawn once an erasure: the drops are those of a concept over all erasures together, and the
    mean drop of each erasure.
    """
    forgotten: dict[str, float] = {}
    again: dict[str, float] = {}
    refused: dict[str, Any] = {}
    each_drop: dict[str, float] = {}
    before: list[Seen] = []
    after: list[Seen] = []
    began, drawing, bars = time.perf_counter(), 0.0, SIX.of(names, bench.kinds)
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
        if forgotten[name] > bars["forgotten"][name]:
            again[name] = look_again(bench, name, own, increment)
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
        "again": again,
        "bars": bars,
        "cells": cell_size(after, ()),
        "names": list(names),
    }


def look_again(bench: Bench, name: str, own: Sequence[Asked], increment: Increment) -> float:
    """What is still seen of AGAIN_PICTURES of other seeds, in percent.

    The judge names one of 24 objects whatever it is shown: chance alone is right in 4 % of pictures.
    """
    asked = (list(own) * AGAIN_PICTURES)[:AGAIN_PICTURES]
    asked = [replace(each, seed=AGAIN + 7 * place) for place, each in enumerate(asked)]
    return right(bench, bench.look(asked, [increment]), name)


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
