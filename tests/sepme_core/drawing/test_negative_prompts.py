"""An erased concept as the negative prompt. How far a negative prompt changes a picture is the model's own matter: the
demo model's pictures change much under any. So what is asked is that it does no more than without a mask.
"""

from collections.abc import Sequence
from functools import cache

import pytest
from PIL import Image

from sepme_core.demo import MODEL_FOLDER
from sepme_core.drawing.draw import draw
from sepme_core.drawing.request import PictureRequest
from sepme_core.evaluation.judge import Verdict, load_judge
from sepme_core.evaluation.similarity import structural_similarity
from sepme_core.models.model import DiffusionModel
from tests.sepme_core.erased import erased

COUNT = 12
CAT, SEPIA, BOTH = ("cat",), ("sepia",), ("cat", "sepia")
NAMING, NEUTRAL = "a cat in sepia style", "a tree in ink style"


@cache
def pictures(base: DiffusionModel, prompt: str, negative: str, mask: tuple[str, ...]) -> list[Image.Image]:
    request = PictureRequest(prompt, negative, seed=100, steps=12, guidance_scale=4.0, width=64, height=64)
    return draw(base, [prompt] * COUNT, request, [erased(base, name) for name in mask])


@cache
def seen(base: DiffusionModel, prompt: str, negative: str, mask: tuple[str, ...]) -> Sequence[Verdict]:
    return load_judge(MODEL_FOLDER / "judge").look_at(pictures(base, prompt, negative, mask))


def shown(verdicts: Sequence[Verdict], name: str) -> int:
    return sum(name in (verdict.object, verdict.look) for verdict in verdicts)


def likeness(base: DiffusionModel, prompt: str, negative: str, mask: tuple[str, ...]) -> float:
    """Mean SSIM of the pictures with the negative prompt and those with none, under one mask."""
    pairs = zip(pictures(base, prompt, negative, mask), pictures(base, prompt, "", mask), strict=True)
    return sum(structural_similarity(a, b) for a, b in pairs) / COUNT


def report(base: DiffusionModel, prompt: str, negative: str, mask: tuple[str, ...]) -> float:
    """Print what a negative prompt changes under the mask and without, and give the former."""
    under, without = likeness(base, prompt, negative, mask), likeness(base, prompt, negative, ())
    counts = {name: shown(seen(base, prompt, negative, mask), name) for name in ("cat", "sepia", "tree", "ink")}
    print(f"{prompt!r} without {mask}, negative {negative!r}: SSIM {under:.3f}, unmasked {without:.3f}; shows {counts}")
    return under


@pytest.mark.parametrize(("mask", "negative"), [(CAT, "cat"), (SEPIA, "sepia"), (BOTH, "cat"), (BOTH, "sepia")])
def test_an_erased_concept_that_is_the_negative_prompt_does_not_come_back(
    base: DiffusionModel, mask: tuple[str, ...], negative: str
) -> None:
    report(base, NAMING, negative, mask)
    assert shown(seen(base, NAMING, "", ()), negative) == COUNT
    for name in mask:
        assert shown(seen(base, NAMING, negative, mask), name) <= 2


@pytest.mark.parametrize(("mask", "negative"), [(CAT, "cat"), (SEPIA, "sepia")])
def test_it_distorts_a_picture_of_something_else_no_more_than_without_the_mask(
    base: DiffusionModel, mask: tuple[str, ...], negative: str
) -> None:
    under = report(base, NEUTRAL, negative, mask)
    assert under >= likeness(base, NEUTRAL, negative, ()) - 0.05
    assert shown(seen(base, NEUTRAL, negative, mask), "tree") >= 8
    assert shown(seen(base, NEUTRAL, negative, mask), "ink") >= 10


def test_an_erased_style_as_the_negative_prompt_leaves_the_object_it_was_asked_with(base: DiffusionModel) -> None:
    under = report(base, NAMING, "sepia", SEPIA)
    assert under >= 0.75
    assert shown(seen(base, NAMING, "sepia", SEPIA), "cat") >= 10
