"""What is measured of a mask: what is forgotten, what else is lost, and how like itself what is given back."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from PIL import Image

from benchmarks.promise.bench import Bench
from sepme_core.base import Base
from sepme_core.evaluation.accuracy import Seen, by_concept, percent, select
from sepme_core.evaluation.similarity import structural_similarity
from sepme_core.generation import PictureRequest, draw
from sepme_core.increment import Increment
from sepme_core.wordings import listed

GIVEN_BACK_PICTURES = 180  # their bar is two points: one picture of 45 would be more


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
