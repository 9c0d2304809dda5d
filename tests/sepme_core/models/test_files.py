"""A model folder that is not whole, or of another kind, is refused by the name of what is wrong."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from sepme_core.demo import MODEL_FOLDER
from sepme_core.models.files import BaseNotSupported, check_folder, check_source
from sepme_core.models.model import DiffusionModel, load_base
from tests.sepme_core.hub import serving


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(MODEL_FOLDER, tmp_path / "model"))


def edit(file: Path, **changes: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1000])


@pytest.mark.parametrize(
    "missing",
    [
        "model_index.json",
        "tokenizer/tokenizer_config.json",
        "tokenizer/tokenizer.json",
        "text_encoder/config.json",
        "text_encoder/model.safetensors",
        "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors",
        "vae/config.json",
        "vae/diffusion_pytorch_model.safetensors",
        "scheduler/scheduler_config.json",
    ],
)
def test_a_missing_file_is_named(folder: Path, missing: str) -> None:
    (folder / missing).unlink()
    named = str(folder / missing).replace("tokenizer/tokenizer.json", "tokenizer/vocab.json")
    with pytest.raises(BaseNotSupported, match="incomplete") as refusal:
        check_folder(folder)
    assert named in str(refusal.value)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "unet/config.json": lambda file: file.write_text("{"),
    "scheduler/scheduler_config.json": lambda file: file.write_text("[]"),
    "tokenizer/tokenizer.json": lambda file: file.write_text(""),
    "vae/diffusion_pytorch_model.safetensors": cut_short,
}


@pytest.mark.parametrize("damaged", DAMAGES)
def test_a_damaged_file_is_named(folder: Path, damaged: str) -> None:
    DAMAGES[damaged](folder / damaged)
    with pytest.raises(BaseNotSupported) as refusal:
        check_folder(folder)
    assert str(folder / damaged) in str(refusal.value)


def test_a_vocabulary_needs_its_merges(folder: Path) -> None:
    (folder / "tokenizer" / "tokenizer.json").unlink()
    (folder / "tokenizer" / "vocab.json").write_text("{}")
    with pytest.raises(BaseNotSupported, match=r"merges\.txt"):
        check_folder(folder)


def test_a_pipeline_of_another_kind_is_named(folder: Path) -> None:
    edit(
        folder / "model_index.json",
        _class_name="StableDiffusionXLPipeline",
        text_encoder_2=["transformers", "CLIPTextModelWithProjection"],
    )
    with pytest.raises(BaseNotSupported, match=r"StableDiffusionXLPipeline.*text_encoder_2.*1\.x or 2\.x"):
        check_folder(folder)


def test_weights_of_a_variant_are_taken_where_it_is_asked_for_and_named_where_it_is_not(folder: Path) -> None:
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_name("diffusion_pytorch_model.fp16.safetensors"))
    check_folder(folder, "fp16")
    with pytest.raises(BaseNotSupported, match="SEPME_MODEL_VARIANT=fp16"):
        check_folder(folder)


def test_every_shard_that_an_index_names_must_be_there(folder: Path) -> None:
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    shard = weights.rename(weights.with_name("part-1.safetensors"))
    index = weights.with_name("diffusion_pytorch_model.safetensors.index.json")
    index.write_text(json.dumps({"weight_map": {"one": "part-1.safetensors"}}))
    check_folder(folder)
    shard.unlink()
    with pytest.raises(BaseNotSupported, match=r"part-1\.safetensors"):
        check_folder(folder)


def test_shards_of_a_variant_are_named_too(folder: Path) -> None:
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_name("diffusion_pytorch_model-00001-of-00001.fp16.safetensors"))
    weights.with_name("diffusion_pytorch_model.safetensors.index.fp16.json").write_text("{}")
    with pytest.raises(BaseNotSupported, match="SEPME_MODEL_VARIANT=fp16"):
        check_folder(folder)


@pytest.mark.parametrize("suffix", [".bin", ".fp16.bin"])
def test_pickled_weights_are_refused_with_the_command_that_converts_them(
    tmp_path: Path, base: DiffusionModel, suffix: str
) -> None:
    folder = Path(shutil.copytree(MODEL_FOLDER, tmp_path / "it's a model"))
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    torch.save(load_file(weights), weights.with_suffix(suffix))
    weights.unlink()
    with pytest.raises(BaseNotSupported, match="which can run code") as refusal:
        check_folder(folder)
    said, _, command = str(refusal.value).partition("python -c ")
    assert "\n" not in said + command
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    (code,) = shlex.split(command)
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120, env=environment)
    assert load_base(f"{folder}-folder", device="cpu").digest == base.digest


@pytest.mark.parametrize(("name", "trust"), [("model.safetensors", "Convert it"), ("model.ckpt", "if you trust it")])
@pytest.mark.parametrize("within", [True, False], ids=["in its folder", "by its name"])
def test_a_single_file_is_refused_with_the_command_that_makes_a_folder_of_it(
    tmp_path: Path, name: str, trust: str, within: bool
) -> None:
    file = tmp_path / name
    file.touch()
    with pytest.raises(BaseNotSupported, match=trust) as refusal:
        check_source(str(tmp_path if within else file))
    (code,) = shlex.split(str(refusal.value).partition("python -c ")[2])
    assert f'from_single_file("{file}").save_pretrained("{tmp_path / "model"}-folder")' in code


@pytest.mark.parametrize(
    ("suffix", "told"),
    [
        (".fp16.safetensors", "set SEPME_MODEL_VARIANT=fp16"),
        (".bin", 'P.from_pretrained("nobody/model", revision="main").save_pretrained("nobody/model-folder")'),
        (".fp16.bin", 'P.from_pretrained("nobody/model", variant="fp16", revision="main")'),
    ],
)
def test_a_model_on_the_hub_whose_weights_are_not_taken_is_refused_with_what_to_do(
    tmp_path: Path, folder: Path, suffix: str, told: str
) -> None:
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(suffix))
    with serving(folder) as address:
        said = refused_by(address, tmp_path)
    assert "BaseNotSupported: The model is incomplete: there is no nobody/model/unet/diffusion" in said
    assert told in said


def test_a_hub_that_cannot_be_reached_is_said_in_one_line(tmp_path: Path, folder: Path) -> None:
    with serving(folder) as address:
        pass
    said = refused_by(address, tmp_path)
    assert "BaseNotSupported: There is no folder nobody/model, and no such model could be fetched from the hub" in said


def refused_by(hub: str, place: Path) -> str:
    """The last line of a process that would load a model from a hub."""
    code = "from sepme_core.models.loading import load_pipeline; load_pipeline('nobody/model', 'main', None)"
    environment = {**os.environ, "HF_ENDPOINT": hub, "HF_HOME": str(place / "cache"), "HF_HUB_OFFLINE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False, env=environment
    )
    return done.stderr.splitlines()[-1]


@pytest.mark.parametrize("source", ["/no/such/model", "./model", "a/b/c", "~/model"])
def test_a_path_at_which_there_is_nothing_is_not_taken_for_a_hub_id(source: str) -> None:
    with pytest.raises(BaseNotSupported, match="There is nothing at"):
        check_source(source)


def test_a_hub_id_is_left_to_the_hub() -> None:
    assert not check_source("stable-diffusion-v1-5/stable-diffusion-v1-5")
