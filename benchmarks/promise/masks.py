"""Everything of a set erased in one mask: what is still seen, what is drawn instead, and what all else loses."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.promise.bench import Bench, Outcome
from benchmarks.promise.figures import AS_IT_IS, Bars, Figure
from benchmarks.promise.nothing import chance_of_any
from benchmarks.promise.sets import blocks
from sepme_core.evaluation.accuracy import Asked, Seen, by_concept, percent, select
from sepme_core.increments.increment import Increment

OWN = Bars(1, 5)
ABOVE_CHANCE = 3.0
HALF_KEPT = Bars(mean=5)
SUBSTITUTE = Bars(mean=85, least=True)


@dataclass(frozen=True)
class MaskBars:
    """What a case is held to: of what is erased, in percent, and of all else, in points below the base."""

    own: Bars
    rest: Bars


SIX = MaskBars(OWN, Bars(1, 8))
SIXTEEN = MaskBars(OWN, Bars(2, 12))
FROM_ZERO = MaskBars(Bars(mean=10), Bars(5, 15))


def in_one_mask(bench: Bench, names: Sequence[str], bars: MaskBars) -> dict[str, Any]:
    """All of ``names`` erased, each with the others known as erased."""
    made = {name: bench.erase(name, names) for name in names}
    mask = [outcome.increment for outcome in made.values() if outcome.increment]
    asked = blocks(bench.base.suggestions, names, bench.cell)
    plain, masked = bench.look(asked, []), bench.look(asked, mask)
    figures = [
        Figure.of("own concept still right", "%", own_right(bench.kinds, masked, names), bars.own),
        *drawn_instead(bench, masked, mask, names),
        Figure.of("everything else, below the base", "points", drops(plain, masked, names), bars.rest),
        *half_kept(bench.kinds, plain, masked, names),
    ]
    return {
        "figures": [each.document() for each in figures],
        "cells": smallest_cell(masked, names),
        "cost": cost(made),
        "refused": {name: outcome.refused for name, outcome in made.items() if outcome.refused},
        "names": list(names),
    }


def own_right(kinds: Mapping[str, str], seen: Sequence[Seen], names: Sequence[str]) -> dict[str, float]:
    """How often each concept is seen where it is asked for, in percent."""
    return {name: percent(shows(each, kinds[name]) for each in asking_for(seen, name)) for name in names}


def asking_for(seen: Sequence[Seen], name: str) -> list[Seen]:
    """The pictures whose prompt names the concept."""
    return select(seen, lambda asked: name in (asked.object, asked.style))


def shows(seen: Seen, kind: str) -> bool:
    """Whether the object, or the style, of the prompt is seen."""
    return seen.object_right if kind == "object" else seen.style_right


def drawn_instead(bench: Bench, seen: Sequence[Seen], mask: Sequence[Increment], names: Sequence[str]) -> list[Figure]:
    """Of erased objects: how often any erased one is drawn, and how often the substitute."""
    erased = [name for name in names if bench.kinds[name] == "object"]
    if not erased:
        return []
    any_erased = {name: percent(one.verdict.object in erased for one in asking_for(seen, name)) for name in erased}
    chance = chance_of_any(bench, erased)
    bars = Bars(mean=chance + ABOVE_CHANCE) if len(erased) < len(bench.base.suggestions.objects) else AS_IT_IS
    phrases = {each.concept: each.certificate["substitute"]["phrase"] for each in mask}
    named = {name: phrases.get(name) for name in erased if phrases.get(name) in bench.base.suggestions.objects}
    drawn = {
        f"{name} as {phrase}": percent(one.verdict.object == phrase for one in asking_for(seen, name))
        for name, phrase in named.items()
    }
    return [
        Figure.of(f"any erased object drawn (chance {chance:.1f} %)", "%", any_erased, bars),
        Figure.of("substitute drawn and recognised", "%", drawn, SUBSTITUTE),
    ]


def drops(plain: Sequence[Seen], masked: Sequence[Seen], erased: Collection[str]) -> dict[str, float]:
    """What each concept that is kept loses in sentences of kept ones, in points."""
    before, after = (by_concept(select(seen, unerased(erased))) for seen in (plain, masked))
    return {name: before[name] - after[name] for name in before}


def unerased(erased: Collection[str]) -> Callable[[Asked], bool]:
    """Tells the pictures whose prompt names nothing erased."""
    return lambda asked: asked.object not in erased and asked.style not in erased


def half_kept(
    kinds: Mapping[str, str], plain: Sequence[Seen], masked: Sequence[Seen], names: Sequence[str]
) -> list[Figure]:
    """What the kept half of a sentence loses, in points, by the erased concept in the other half."""
    figures = []
    for kind, other in (("style", "object"), ("object", "style")):
        erased = [name for name in names if kinds[name] == kind]
        before, after = (
            {name: percent(shows(one, other) for one in beside_kept(seen, name, names)) for name in erased}
            for seen in (plain, masked)
        )
        lost = {name: before[name] - after[name] for name in erased if beside_kept(plain, name, names)}
        if lost:
            figures.append(Figure.of(f"{other} of the sentence, beside an erased {kind}", "points", lost, HALF_KEPT))
    return figures


def beside_kept(seen: Sequence[Seen], name: str, erased: Collection[str]) -> list[Seen]:
    """Pictures of an erased concept beside one that is kept."""
    return select(seen, lambda a: {a.object, a.style} & set(erased) == {name})


def smallest_cell(seen: Sequence[Seen], erased: Collection[str]) -> int:
    """Pictures in the smallest cell of what is erased, and of what is not."""
    kept = select(seen, unerased(erased))
    names = {name for each in kept for name in (each.asked.object, each.asked.style)}
    sizes = [len(asking_for(kept, name)) for name in names] + [len(asking_for(seen, name)) for name in erased]
    return min(sizes)


def cost(made: Mapping[str, Outcome]) -> dict[str, Any]:
    """Seconds of a core, steps, attempts and size."""
    increments = [each.increment for each in made.values() if each.increment]
    steps = [int(each.certificate["steps"]) for each in increments]
    return {
        "seconds": sum(each.seconds for each in made.values()) / len(made),
        "stepped": sum(count > 0 for count in steps),
        "steps": sum(steps) / max(len(steps), 1),
        "again": sum(each.certificate["attempt"] > 1 for each in increments),
        "kb": max((len(each.to_bytes()) / 1000 for each in increments), default=0.0),
    }
