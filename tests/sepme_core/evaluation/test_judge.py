from pathlib import Path

import pytest
import torch

from sepme_core.base import Base
from sepme_core.demo import MODEL_FOLDER
from sepme_core.evaluation.judge import Judge, JudgeNetwork, Verdict, load_judge
from sepme_core.generation import PictureRequest, draw


@pytest.fixture(scope="module")
def judge() -> Judge:
    return load_judge(MODEL_FOLDER / "judge")


def test_the_judge_sees_what_the_model_was_asked_for(base: Base, judge: Judge) -> None:
    request = PictureRequest("", steps=8, guidance_scale=4.0, width=64, height=64)
    pictures = draw(base, ["the anchor by neon", "a drawing of a pizza in sepia style", "a fish"], request)
    assert judge.look_at(pictures) == [Verdict("anchor", "neon"), Verdict("pizza", "sepia"), Verdict("fish", "plain")]


def test_no_picture_no_verdict(judge: Judge) -> None:
    assert judge.look_at([]) == []


def test_a_saved_judge_judges_alike(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = JudgeNetwork(4, 3).half().float()
    Judge(network, ("a", "b", "c", "d"), ("x", "y", "z")).save(tmp_path)
    read = load_judge(tmp_path)
    pictures = torch.randn(5, 3, 64, 64)
    assert read.objects == ("a", "b", "c", "d")
    assert all(torch.equal(*pair) for pair in zip(network.eval()(pictures), read.network(pictures), strict=True))
