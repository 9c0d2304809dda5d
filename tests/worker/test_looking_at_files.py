"""`python -m worker.verify.looking`: who looks at pictures that lie in files, and what is told of them."""

import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from sepme_core.demo import MODEL_FOLDER
from sepme_core.drawing.draw import draw
from sepme_core.drawing.request import PictureRequest
from sepme_core.models.model import DiffusionModel
from worker.verify import looking

PROMPTS = ("a cat in sepia style", "a dog in sepia style", "a house in sepia style")


@pytest.fixture
def files(base: DiffusionModel, tmp_path: Path, environment_without_settings: None) -> list[str]:
    """Pictures of which the first shows a cat, all in sepia."""
    del environment_without_settings
    pictures = draw(
        base, list(PROMPTS), PictureRequest("", seed=7, count=3, steps=20, guidance_scale=4.0, width=64, height=64)
    )
    places = [tmp_path / f"{number}.png" for number in range(len(pictures))]
    for place, picture in zip(places, pictures, strict=True):
        picture.save(place)
    return [str(place) for place in places]


def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], digest: str, files: list[str]) -> Any:
    asked = [
        {"name": name, "kind": kind, "prompts": [name], "files": files}
        for name, kind in (("cat", "object"), ("sepia", "style"), ("zqxv", "object"))
    ]
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps({"base_digest": digest, "concepts": asked})))
    assert looking.main() == 0
    return json.loads(capsys.readouterr().out)


def test_the_judge_beside_the_model_looks_and_leaves_out_what_it_does_not_know(
    base: DiffusionModel, files: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = told(monkeypatch, capsys, base.digest, files)
    assert (said["by"], said["why"]) == ("judge", "")
    assert said["seen"] == {
        "cat": {"shows": [True, False, False], "limit": 1},
        "sepia": {"shows": [True, True, True], "limit": 1},
    }


def test_a_judge_of_another_model_is_not_asked_unless_it_is_named(
    files: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = f"sha256:{64 * '0'}"
    said = told(monkeypatch, capsys, other, files)
    assert (said["by"], said["seen"]) == ("", {})
    assert said["why"].startswith(f"the service draws with {other}")
    monkeypatch.setenv("SEPME_CLASSIFIER", str(MODEL_FOLDER / "judge"))
    assert told(monkeypatch, capsys, other, files)["by"] == "judge"


def test_where_there_is_no_judge_it_says_so(
    files: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = Path(shutil.copytree(MODEL_FOLDER, tmp_path / "model", ignore=shutil.ignore_patterns("judge")))
    monkeypatch.setenv("SEPME_MODEL", str(model))
    said = told(monkeypatch, capsys, "sha256:0", files)
    assert said["by"] == ""
    assert "no classifier lies beside" in said["why"]
    monkeypatch.setenv("SEPME_CLASSIFIER", str(tmp_path))
    assert "cannot be loaded" in told(monkeypatch, capsys, "sha256:0", files)["why"]
