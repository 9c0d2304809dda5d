import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from sepme_core.drawing.draw import generate
from sepme_core.drawing.request import PictureRequest
from sepme_core.evaluation.similarity import structural_similarity
from sepme_core.increments.increment import IncrementForAnotherBase
from sepme_core.increments.merging import FolderNotEmpty, main, save_merged
from sepme_core.models.cross_attention import conditioned_matrices
from sepme_core.models.model import DiffusionModel, load_base
from tests.sepme_core.erased import erased
from tests.sepme_core.increments.random import random_increment
from tests.sepme_core.stock import stock_picture, stock_pipeline

REQUEST = PictureRequest("", seed=7, steps=12, guidance_scale=4.0, width=64, height=64)
PROMPTS = ["a cat in sepia style", "a cat", "a house by sepia", "a fox in ink style", ""]


@pytest.fixture(scope="module")
def merged(base: DiffusionModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo model with a style and an object merged out of it."""
    folder = tmp_path_factory.mktemp("merged") / "model"
    save_merged(base, [erased(base, "sepia"), erased(base, "cat")], folder)
    return folder


def test_the_stock_pipeline_of_the_folder_gives_the_pictures_of_the_mask(base: DiffusionModel, merged: Path) -> None:
    pipeline = stock_pipeline(merged)
    for prompt in PROMPTS:
        request = replace(REQUEST, prompt=prompt)
        (masked,) = generate(base, request, [erased(base, "cat"), erased(base, "sepia")])
        similarity = structural_similarity(masked.image, stock_picture(pipeline, request))
        print(f"{prompt!r}: SSIM {similarity:.6f}")
        assert similarity >= 0.999, prompt


def test_the_folder_is_a_base_of_its_own(base: DiffusionModel, merged: Path) -> None:
    loaded = load_base(str(merged), device="cpu")
    assert loaded.digest != base.digest
    request = replace(REQUEST, prompt="a cat in sepia style")
    (masked,) = generate(base, request, [erased(base, "cat"), erased(base, "sepia")])
    assert structural_similarity(masked.image, generate(loaded, request)[0].image) >= 0.999
    with pytest.raises(IncrementForAnotherBase):
        generate(loaded, request, [erased(base, "cat")])


def test_the_folder_says_what_it_was_made_of(base: DiffusionModel, merged: Path) -> None:
    made_of = [{"concept": name, "digest": erased(base, name).digest} for name in ("cat", "sepia")]
    origin = json.loads((merged / "merged.json").read_text())
    assert origin == {"base_digest": base.digest, "increments": made_of}


def test_the_base_stays_as_it_is(base: DiffusionModel, tmp_path: Path) -> None:
    before = {path: linear.weight.clone() for path, linear in conditioned_matrices(base.unet).items()}
    save_merged(base, [random_increment(base)], tmp_path / "model")
    assert all(torch.equal(linear.weight, before[path]) for path, linear in conditioned_matrices(base.unet).items())


def test_nothing_is_written_over(base: DiffusionModel, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FolderNotEmpty):
        save_merged(base, [random_increment(base)], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_the_command_merges_files(base: DiffusionModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    increments = [random_increment(base, name) for name in ("cat", "ink")]
    files = [tmp_path / increment.concept for increment in increments]
    for file, increment in zip(files, increments, strict=True):
        file.write_bytes(increment.to_bytes())
    named = [argument for file in files for argument in ("--increment", str(file))]
    assert main(["--model", "demo", *named, str(tmp_path / "model")]) == 0
    assert "sepme-demo without cat, ink" in capsys.readouterr().out
    origin = json.loads((tmp_path / "model" / "merged.json").read_text())
    assert [each["digest"] for each in origin["increments"]] == [increment.digest for increment in increments]


def test_the_command_refuses_what_is_no_increment_of_the_model(
    base: DiffusionModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    other.write_bytes(random_increment(replace(base, digest="sha256:another")).to_bytes())
    for file, reason in ((other, "sha256:another"), (tmp_path / "missing", "No such file")):
        assert main(["--increment", str(file), str(tmp_path / "model")]) == 2
        assert reason in capsys.readouterr().err
    assert not (tmp_path / "model").exists()
