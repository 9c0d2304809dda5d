"""Two names for one thing: erased under both, in either order, nothing of it may be seen under what is then active."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from typing import Any

from benchmarks.promise.bench import Bench, Outcome
from benchmarks.promise.figures import ALL, Bars, Figure
from benchmarks.promise.nothing import PICTURES, judged, objects_in_nothing, styles_unasked
from sepme_core.demo.saying import with_article
from sepme_core.erasure import ErasureRequest, KnownConcept
from sepme_core.increments.increment import Increment
from sepme_core.wordings import fill

WORDINGS = {"object": ("a {}", "the {}", "{} picture"), "style": ("{} style", "in the style of {}")}
KINDS = {"object": ("object", "other"), "style": ("style", "style", "other")}
"""The kinds that wordings are given, in turn: whoever names a thing twice may well say another."""
ALONE, IN_COMPANY = 2, 6  # pictures of each name
UNLIKELY = 1e-3
SEED = 80_000


@dataclass(frozen=True)
class Pair:
    """A concept and another wording of it, as two requests in the order of their erasure."""

    name: str
    kind: str
    wording: str
    first: ErasureRequest
    second: ErasureRequest


def pairs_of(bench: Bench, kind: str, *, wording_first: bool) -> list[Pair]:
    """Every concept of the kind with each of its wordings."""
    names = [name for name, its_kind in bench.kinds.items() if its_kind == kind][: 2 if bench.quick else None]
    found = []
    for row, name in enumerate(names):
        for column, pattern in enumerate(WORDINGS[kind]):
            wording, kinds = fill(pattern, name), KINDS[kind]
            its_kind = kinds[(row + column) % len(kinds)]
            plain, other = bench.request(name), ErasureRequest(wording, its_kind, (wording,), settings=bench.settings)
            found.append(Pair(name, kind, wording, *((other, plain) if wording_first else (plain, other))))
    return found


@dataclass(frozen=True)
class Came:
    """What came of a pair in a word, and the increments that are active then."""

    word: str
    active: list[Increment]
    seconds: float


def two_names(bench: Bench, kind: str, *, wording_first: bool) -> dict[str, Any]:
    """Erase each pair, and draw both names under what is active."""
    seen, came, above = {}, {}, []
    pairs = pairs_of(bench, kind, wording_first=wording_first)
    for pair in pairs:
        said, found = f"{pair.first.name} + {pair.second.name}", erase_both(bench, pair)
        came[said] = f"{found.word} ({pair.first.kind}, {pair.second.kind})"
        if found.active:
            counts = count_seen(bench, pair, found.active)
            seen[said] = sum(counts)
            above += [said] if is_above_chance(bench, pair, counts) else []
    pictures = 2 * (ALONE + IN_COMPANY)
    chance = 100 * sum(expected(bench, pair) for pair in pairs) / len(pairs) / pictures
    shares = {said: 100 * count / pictures for said, count in seen.items()}
    return {
        "figures": [
            Figure.of("pairs in which it is seen more than by chance", "", {ALL: len(above)}, Bars(mean=0)).document(),
            Figure.of(f"seen under either name (chance {chance:.1f} %)", "%", shares).document(),
        ],
        "cells": pictures,
        "came": came,
        "counts": dict(Counter(word.split(" (")[0] for word in came.values())),
        "above": above,
    }


def erase_both(bench: Bench, pair: Pair) -> Came:
    """The first with all others known, then the second with the first serving; then the first is brought to it."""
    others = bench.known({pair.name})
    first = bench.make(pair.first, others)
    if first.increment is None:
        second = bench.make(pair.second, others)
        word = f"first refused: {first.refused}" + (f", second: {second.refused}" if second.refused else "")
        return Came(word, active(second), first.seconds + second.seconds)
    second = bench.make(pair.second, [*others, as_erased(pair.first)], [first.increment])
    seconds = first.seconds + second.seconds
    if second.increment is None:
        return Came(second.refused, [first.increment], seconds)
    again = bench.reproject(first.increment, [*others, as_erased(pair.second)])
    word = "separate" + (f", the first as it was: {again.refused}" if again.refused else "")
    return Came(word, [again.increment or first.increment, second.increment], seconds + again.seconds)


def active(outcome: Outcome) -> list[Increment]:
    """Its increment, if it was not refused."""
    return [outcome.increment] if outcome.increment else []


def as_erased(request: ErasureRequest) -> KnownConcept:
    """What was asked for, as others know it."""
    return KnownConcept(request.name, request.kind, request.prompts, erased=True)


def count_seen(bench: Bench, pair: Pair, mask: Sequence[Increment]) -> tuple[int, int]:
    """In how many pictures of both names, alone and in company, the judge sees the concept."""
    both = [prompts_of(bench, pair, phrase) for phrase in (pair.name, pair.wording)]
    alone, company = ([prompt for each in both for prompt in each[part]] for part in (slice(ALONE), slice(ALONE, None)))
    verdicts = judged(bench, bench.pictures([*alone, *company], SEED, mask))
    seen = [pair.name == (each.object if pair.kind == "object" else each.look) for each in verdicts]
    return sum(seen[: len(alone)]), sum(seen[len(alone) :])


def prompts_of(bench: Bench, pair: Pair, phrase: str) -> list[str]:
    """A name alone, and in company."""
    card, company = bench.base.suggestions, []
    for place in range(IN_COMPANY):
        style, object_ = card.styles[(4 * place + 1) % len(card.styles)], card.objects[(5 * place + 2) % 24]
        beside_style = f"{phrase}, {style} style" if place % 2 else f"{phrase} by {style}"
        beside_object = f"{with_article(object_)}, {phrase}" if place % 2 else f"{phrase}, {with_article(object_)}"
        company.append(beside_style if pair.kind == "object" else beside_object)
    return [phrase] * ALONE + company


def chances(bench: Bench, pair: Pair) -> tuple[float, float]:
    """How often the judge sees the concept in a picture not asked for it: where a name would stand alone, or not."""
    if pair.kind == "object":
        chance = objects_in_nothing(bench).get(pair.name, 0) / PICTURES
        return chance, chance
    alone, company = (styles_unasked(bench, with_object)[pair.name] for with_object in (False, True))
    return alone, company


def expected(bench: Bench, pair: Pair) -> float:
    """In how many pictures of a pair chance alone sees the concept."""
    return sum(2 * count * chance for count, chance in zip((ALONE, IN_COMPANY), chances(bench, pair), strict=True))


def is_above_chance(bench: Bench, pair: Pair, seen: Sequence[int]) -> bool:
    """Whether it is seen, alone or in company, in more pictures than chance would be likely to give."""
    cells = zip((2 * ALONE, 2 * IN_COMPANY), chances(bench, pair), seen, strict=True)
    return any(count > most_by_chance(of, chance) for of, chance, count in cells)


def most_by_chance(count: int, chance: float) -> int:
    """So many of ``count`` that more would be unlikely to be chance."""
    beyond, most = 1.0, -1
    while beyond > UNLIKELY:
        most += 1
        beyond -= comb(count, most) * chance**most * (1 - chance) ** (count - most)
    return most
