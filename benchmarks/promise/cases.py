"""The cases of the table by name, long ones first, so that processes end together."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from benchmarks.promise.back import early, late
from benchmarks.promise.bench import Bench
from benchmarks.promise.figures import ALL, AS_IT_IS, Bars, Figure
from benchmarks.promise.leaks import leak_on_other_wordings
from benchmarks.promise.masks import FROM_ZERO, OWN, SIX, SIXTEEN, MaskBars, in_one_mask
from benchmarks.promise.names import two_names
from benchmarks.promise.sets import block
from sepme_core.drawing.draw import draw
from sepme_core.erasure import ErasureSettings
from sepme_core.models.model import load_base

MASKS = {
    "sixteen-objects": SIXTEEN,
    "six-objects": SIX,
    "six-styles": SIX,
    "six-mixed": SIX,
    "all-33": MaskBars(OWN, AS_IT_IS),
}
ZERO = ("six-objects", "six-styles")
LATE = {"six-objects": 6, "six-styles": 6, "six-mixed": 6, "sixteen-objects": 2}
"""How many of a set come late: for each of them all others are made again without it."""
COMPARED = 48


@dataclass(frozen=True)
class Case:
    """What is measured, and with which start of the loop; None: the settings' own."""

    measure: Callable[[Bench], dict[str, Any]]
    start: str | None = None

    def settings(self, settings: ErasureSettings) -> ErasureSettings:
        """The settings that the case is measured with."""
        options = settings.to_options()
        return ErasureSettings.from_options({**options, "start": self.start}) if self.start else settings

    def run(self, bench: Bench) -> dict[str, Any]:
        """Measure."""
        return self.measure(replace(bench, settings=self.settings(bench.settings)))


def cases(start: str) -> dict[str, Case]:
    """Every case by name; ``start``: mask cases from the closed form, from zero, or both."""
    found = {"names-objects-wording-first": names_case("object", wording_first=True)}
    if start != "zero":
        found |= {f"mask-{name}": Case(partial(masked, name=name, bars=bars)) for name, bars in MASKS.items()}
    if start != "closed-form":
        zero = partial(masked, bars=FROM_ZERO)
        found |= {f"mask-{name}-from-zero": Case(partial(zero, name=name), "zero") for name in ZERO}
    found["names-objects-concept-first"] = names_case("object", wording_first=False)
    found |= {f"back-early-{name}": Case(partial(early_of, name=name)) for name in LATE}
    found |= {f"back-late-{name}": Case(partial(late_of, name=name, count=count)) for name, count in LATE.items()}
    for order, wording_first in (("concept", False), ("wording", True)):
        found[f"names-styles-{order}-first"] = names_case("style", wording_first=wording_first)
    return {**found, "leak-other": Case(leak_on_other_wordings), "empty-mask": Case(empty_mask)}


def names_case(kind: str, *, wording_first: bool) -> Case:
    """Two names for each concept of a kind."""
    return Case(partial(two_names, kind=kind, wording_first=wording_first))


def masked(bench: Bench, name: str, bars: MaskBars) -> dict[str, Any]:
    """A set in one mask."""
    return in_one_mask(bench, bench.sets[name], bars)


def early_of(bench: Bench, name: str) -> dict[str, Any]:
    """Each of a set given back that was known when the others were erased."""
    return early(bench, bench.sets[name])


def late_of(bench: Bench, name: str, count: int) -> dict[str, Any]:
    """The first of a set given back that became known later."""
    return late(bench, bench.sets[name], count)


def empty_mask(bench: Bench) -> dict[str, Any]:
    """The pixels of the base after all this, against a base loaded anew."""
    card = bench.base.suggestions
    every = [each for style in card.styles for each in block(card, style, 0)]
    prompts = [each.prompt for each in every[:: 40 if bench.quick else 4]][:COMPARED]
    plain, anew = (draw(base, prompts, bench.drawing) for base in (bench.base, load_base("demo")))
    differ = sum(a.tobytes() != b.tobytes() for a, b in zip(plain, anew, strict=True))
    figure = Figure.of("pictures that differ from a base loaded anew", "", {ALL: differ}, Bars(mean=0))
    return {"figures": [figure.document()], "cells": len(prompts)}
