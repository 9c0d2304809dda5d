"""Each concept of a set given back while the others stay erased: how like the base's pictures its own are then."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.promise.bench import Bench
from benchmarks.promise.figures import Bars, Figure
from benchmarks.promise.sets import WORDINGS, companions
from sepme_core.demo.saying import say
from sepme_core.evaluation.similarity import structural_similarity
from sepme_core.increments.increment import Increment
from sepme_core.wordings import listed

LISTED = Bars(0.995, 0.98, least=True)
OTHER = Bars(0.97, 0.90, least=True)
LISTED_TIMES, OTHER_TIMES = 10, 4  # 40 pictures, and 48
SEED = 70_000


def early(bench: Bench, names: Sequence[str]) -> dict[str, Any]:
    """Every one of the set was known when the others were erased."""
    made = {name: bench.erase(name, names).increment for name in names}
    masks = {name: [each for other, each in made.items() if each and other != name] for name in names}
    return {**given_back(bench, masks, names), "names": list(names)}


def late(bench: Bench, names: Sequence[str], count: int) -> dict[str, Any]:
    """The first of the set became known after the others were erased, which were then re-projected."""
    masks: dict[str, list[Increment]] = {}
    came: dict[str, list[str]] = {}
    for name in names[: 1 if bench.quick else count]:
        others = [other for other in names if other != name]
        pairs = [moved(bench, other, others, name) for other in others]
        masks[name] = [increment for increment, _ in pairs if increment]
        came[name] = sorted({word for _, word in pairs}, key=[word for _, word in pairs].count)
    return {**given_back(bench, masks, names), "came": came, "names": list(masks)}


def moved(bench: Bench, name: str, erased: Sequence[str], newcomer: str) -> tuple[Increment | None, str]:
    """The increment of a concept, made without the newcomer and brought to it, and what that took."""
    trained = bench.erase(name, erased, unknown={newcomer}).increment
    if trained is None:
        return None, "refused"
    again = bench.reproject(trained, bench.known({name}, erased))
    return again.increment or trained, again.refused or str(again.increment and again.increment.certificate["reason"])


def given_back(bench: Bench, masks: Mapping[str, Sequence[Increment]], erased: Sequence[str]) -> dict[str, Any]:
    """SSIM of the pictures of each concept under its mask with the base's of the same noise."""
    found = {name: likeness(bench, name, mask, erased) for name, mask in masks.items()}
    listed_ = Figure.of_samples("given back, listed prompts", "SSIM", {k: v[0] for k, v in found.items()}, LISTED)
    other = Figure.of_samples("given back, other wordings", "SSIM", {k: v[1] for k, v in found.items()}, OTHER)
    sizes = [len(samples) for both in found.values() for samples in both]
    return {"figures": [listed_.document(), other.document()], "cells": min(sizes)}


def likeness(
    bench: Bench, name: str, mask: Sequence[Increment], erased: Sequence[str]
) -> tuple[list[float], list[float]]:
    """SSIM of listed prompts, and of the twelve wordings beside what is kept."""
    listed_ = listed(bench.kinds[name], (name,)) * (1 if bench.quick else LISTED_TIMES)
    beside = companions(bench.base.suggestions, bench.kinds[name], {*erased, name})
    times = 1 if bench.quick else OTHER_TIMES
    other = [phrased(bench, name, place, beside) for place in range(times * len(WORDINGS))]
    both = [(listed_, SEED), (other, SEED + len(listed_))]
    listed_alike, other_alike = (compare(bench, prompts, seed, mask) for prompts, seed in both)
    return listed_alike, other_alike


def phrased(bench: Bench, name: str, place: int, beside: Sequence[str]) -> str:
    """The concept in one of the twelve wordings, beside something that is kept."""
    wording, other = WORDINGS[place % len(WORDINGS)], beside[(5 * place + place // len(WORDINGS)) % len(beside)]
    return say(wording, name, other) if bench.kinds[name] == "object" else say(wording, other, name)


def compare(bench: Bench, prompts: Sequence[str], seed: int, mask: Sequence[Increment]) -> list[float]:
    """SSIM of each picture under the mask with the base's."""
    pairs = zip(bench.pictures(prompts, seed), bench.pictures(prompts, seed, mask), strict=True)
    return [structural_similarity(*pair) for pair in pairs]
