from pathlib import Path

import pytest
import torch
from PIL import Image, ImageDraw, ImageFilter

from sepme_core.demo import MODEL_FOLDER
from sepme_core.drawing.draw import draw
from sepme_core.drawing.request import PictureRequest
from sepme_core.evaluation.judge import Judge, JudgeNetwork, Verdict, load_judge
from sepme_core.models.model import DiffusionModel

PROMPTS = ["the anchor by neon", "a drawing of a pizza in sepia style", "a fish"]
SEEN = [Verdict("anchor", "neon"), Verdict("pizza", "sepia"), Verdict("fish", "plain")]
SIDE = 64


@pytest.fixture(scope="module")
def judge() -> Judge:
    return load_judge(MODEL_FOLDER / "judge")


@pytest.fixture(scope="module")
def drawn(base: DiffusionModel) -> list[Image.Image]:
    return draw(base, PROMPTS, PictureRequest("", steps=8, guidance_scale=4.0, width=SIDE, height=SIDE))


def shape(ground: str, ink: str, points: list[tuple[float, float]]) -> Image.Image:
    """A polygon, drawn large and reduced as pictographs are."""
    large = Image.new("RGB", (4 * SIDE, 4 * SIDE), ground)
    ImageDraw.Draw(large).polygon([(4 * x, 4 * y) for x, y in points], fill=ink)
    return large.resize((SIDE, SIDE), Image.Resampling.BOX)


ARROW = [(8.0, 26.0), (34.0, 26.0), (34.0, 12.0), (57.0, 32.0), (34.0, 52.0), (34.0, 38.0), (8.0, 38.0)]
CROSS = [(25.0, 6.0), (39.0, 6.0), (39.0, 25.0), (58.0, 25.0), (58.0, 39.0), (39.0, 39.0)]
CROSS += [(39.0, 58.0), (25.0, 58.0), (25.0, 39.0), (6.0, 39.0), (6.0, 25.0), (25.0, 25.0)]


def test_the_judge_sees_what_the_model_was_asked_for(judge: Judge, drawn: list[Image.Image]) -> None:
    assert judge.look_at(drawn) == SEEN


def test_soft_pictures_are_named_as_well(judge: Judge, drawn: list[Image.Image]) -> None:
    assert judge.look_at([picture.filter(ImageFilter.GaussianBlur(0.8)) for picture in drawn]) == SEEN


def test_noise_and_bare_grounds_are_none_of_the_objects(judge: Judge) -> None:
    generator = torch.Generator().manual_seed(0)
    levels = torch.randint(0, 256, (4, SIDE, SIDE, 3), generator=generator, dtype=torch.uint8).numpy()
    pictures = [Image.fromarray(each) for each in levels]
    pictures += [Image.new("RGB", (SIDE, SIDE), colour) for colour in ("white", "black", "#1b3f94", "#4fd3ee")]
    assert [verdict.object for verdict in judge.look_at(pictures)] == [None] * 8


def test_two_objects_over_each_other_are_neither(judge: Judge, drawn: list[Image.Image]) -> None:
    blends = [Image.blend(drawn[first], drawn[second], 0.5) for first, second in ((0, 1), (1, 2), (0, 2))]
    assert [verdict.object for verdict in judge.look_at(blends)] == [None] * 3


def test_an_object_that_has_run_is_none(judge: Judge, drawn: list[Image.Image]) -> None:
    smears = [picture.resize((4, 4), Image.Resampling.BOX).resize((SIDE, SIDE)) for picture in drawn]
    assert [verdict.object for verdict in judge.look_at(smears)] == [None] * 3


def test_other_pictographs_are_none_of_the_objects(judge: Judge) -> None:
    grounds = (("white", "#d02030"), ("#1b3f94", "#e8f2ff"), ("#4fd3ee", "#ff8000"), ("#22634a", "#f4f4ea"))
    pictures = [shape(*colours, points) for colours in grounds for points in (ARROW, CROSS)]
    assert [verdict.object for verdict in judge.look_at(pictures)] == [None] * 8


def test_a_verdict_says_how_sure_it_is(judge: Judge, drawn: list[Image.Image]) -> None:
    sure = judge.look_at(drawn)
    assert all(0.5 < verdict.confidence <= 1 for verdict in sure)
    assert Verdict("cat", "ink", 0.4) == Verdict("cat", "ink", 0.9)


def test_no_picture_no_verdict(judge: Judge) -> None:
    assert judge.look_at([]) == []


def test_a_saved_judge_judges_alike(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = JudgeNetwork(4, 3).half().float()
    saved = Judge(network, ("a", "b", "c", "d"), ("x", "y", "z"))
    saved.save(tmp_path)
    read = load_judge(tmp_path)
    pictures = torch.randn(5, 3, SIDE, SIDE)
    assert read.objects == ("a", "b", "c", "d")
    assert all(torch.equal(*pair) for pair in zip(network.eval()(pictures), read.network(pictures), strict=True))
    assert read.digest == saved.digest


def test_another_judge_has_another_digest(judge: Judge) -> None:
    torch.manual_seed(0)
    network = JudgeNetwork(len(judge.objects), len(judge.looks))
    assert Judge(network, judge.objects, judge.looks).digest != judge.digest
