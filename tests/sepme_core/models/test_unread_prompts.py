"""What the model does not read of a prompt is said, word by word."""

import json
import time
from io import BytesIO

import pytest
from PIL import Image

from sepme_core.drawing.draw import generate
from sepme_core.drawing.request import PictureRequest
from sepme_core.models.model import DiffusionModel
from sepme_core.models.prompts import WEIGHTING, cut_off, warnings_of

LONG = "a cat " * 7  # two tokens each: all that the demo model reads


def test_three_endings_beyond_the_length_give_one_picture_and_each_is_said(base: DiffusionModel) -> None:
    endings = ("and a Fox", "in ink style", "heart")
    drawn = []
    for ending in endings:
        request = PictureRequest(f"{LONG}{ending}", seed=7, steps=2, width=64, height=64)
        (picture,) = generate(base, request)
        (warning,) = picture.record["warnings"]
        assert warning == f"prompt: the model reads 14 tokens, and was not shown the end: {ending!r}"
        chunk = json.loads(Image.open(BytesIO(picture.to_png())).info["sepme"])
        assert chunk["warnings"] == [warning]
        drawn.append(picture.sha256)
    assert len(set(drawn)) == 1


def test_a_prompt_that_just_fits_is_read_to_its_end(base: DiffusionModel) -> None:
    assert cut_off(base, LONG.strip()) == ""
    (picture,) = generate(base, PictureRequest(LONG, steps=1, width=64, height=64))
    assert "warnings" not in picture.record


def test_a_negative_prompt_is_held_against_the_same_length(base: DiffusionModel) -> None:
    (warning,) = warnings_of(base, "a cat", f"{LONG}heart")
    assert warning.startswith("negative_prompt: ")
    assert "'heart'" in warning


@pytest.mark.parametrize(
    ("prompt", "told"),
    [
        ("a (cat:1.3)", "(cat:1.3)"),
        ("(a cat :.5)", "(a cat :.5)"),
        ("(cat:2), (fox: 0.7)", "(cat:2), (fox: 0.7)"),
        ("(a (big) cat:1.2)", "(a (big) cat:1.2)"),
        ("a ((cat))", "((cat))"),
        ("(((cat)))", "(((cat)))"),
        ("((cat:1.1))", "((cat:1.1))"),
        ("a [cat]", "[cat]"),
        ("[cat:fox:0.5]", "[cat:fox:0.5]"),
        ("a cat <lora:name:0.8>", "<lora:name:0.8>"),
        ("<lora:fur> ((cat)) [fox]", "<lora:fur>, ((cat)), [fox]"),
    ],
)
def test_weighting_is_said_to_be_read_as_plain_text(base: DiffusionModel, prompt: str, told: str) -> None:
    said = f"prompt: weighting has no meaning here, and is read as plain text: {told}"
    assert said in warnings_of(base, prompt)


def test_weighting_is_said_beside_the_picture_that_it_did_not_weigh(base: DiffusionModel) -> None:
    (picture,) = generate(base, PictureRequest("(cat:1.3)", steps=1, width=64, height=64))
    (warning,) = picture.record["warnings"]
    assert "(cat:1.3)" in warning


@pytest.mark.parametrize(
    "prompt", ["a cat", "a cat (big)", "at 12:30 a cat", "a cat BREAK a fox", "cat AND fox", "a < b: c >", "cat []"]
)
def test_brackets_colons_and_words_alone_are_no_weighting(base: DiffusionModel, prompt: str) -> None:
    assert warnings_of(base, prompt) == []


@pytest.mark.parametrize("part", ["(", "((", "[", "<a:", "(a:", "(a:1", ":1"])
def test_no_prompt_takes_long_to_look_through(part: str) -> None:
    started = time.perf_counter()
    WEIGHTING.findall(part * 1000)
    assert time.perf_counter() - started < 1
