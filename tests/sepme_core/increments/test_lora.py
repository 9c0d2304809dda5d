import json
from dataclasses import replace
from pathlib import Path

import pytest
from diffusers import StableDiffusionPipeline
from safetensors import safe_open

from sepme_core.demo import MODEL_FOLDER
from sepme_core.drawing.draw import generate
from sepme_core.drawing.request import PictureRequest
from sepme_core.evaluation.similarity import structural_similarity
from sepme_core.increments.increment import IncrementDamaged, IncrementForAnotherBase
from sepme_core.increments.lora import Names, NoIncrement, lora_of_increment
from sepme_core.increments.merging import load_lora
from sepme_core.models.model import DiffusionModel
from tests.sepme_core.erased import erased
from tests.sepme_core.increments.random import random_increment
from tests.sepme_core.stock import stock_picture, stock_pipeline

REQUEST = PictureRequest("", seed=7, steps=12, guidance_scale=4.0, width=64, height=64)


@pytest.fixture(scope="module", params=["diffusers", "kohya"])
def stock_without_sepia(
    request: pytest.FixtureRequest, base: DiffusionModel, tmp_path_factory: pytest.TempPathFactory
) -> StableDiffusionPipeline:
    """The stock pipeline with the LoRA file of the erased style, in each form."""
    file = tmp_path_factory.mktemp("lora") / "sepia.safetensors"
    file.write_bytes(lora_of_increment(erased(base, "sepia").to_bytes(), request.param))
    pipeline = stock_pipeline(MODEL_FOLDER)
    pipeline.load_lora_weights(str(file))
    return pipeline


@pytest.mark.parametrize("prompt", ["a cat in sepia style", "a house by sepia", "a fox in ink style", ""])
def test_a_lora_file_gives_the_pictures_of_the_mask(
    base: DiffusionModel, stock_without_sepia: StableDiffusionPipeline, prompt: str
) -> None:
    request = replace(REQUEST, prompt=prompt)
    (masked,) = generate(base, request, [erased(base, "sepia")])
    similarity = structural_similarity(masked.image, stock_picture(stock_without_sepia, request))
    print(f"{prompt!r}: SSIM {similarity:.6f}")
    assert similarity >= 0.999


def test_the_lora_file_does_erase(base: DiffusionModel, stock_without_sepia: StableDiffusionPipeline) -> None:
    request = replace(REQUEST, prompt="a cat in sepia style")
    (plain,) = generate(base, request)
    assert structural_similarity(plain.image, stock_picture(stock_without_sepia, request)) < 0.8


def test_the_same_increment_gives_the_same_bytes(base: DiffusionModel) -> None:
    data = random_increment(base).to_bytes()
    assert lora_of_increment(data) == lora_of_increment(bytes(bytearray(data)))


def test_the_file_says_what_it_is_and_names_the_factors_as_diffusers_does(base: DiffusionModel, tmp_path: Path) -> None:
    increment = random_increment(base, "cat", rank=4)
    (tmp_path / "cat.safetensors").write_bytes(lora_of_increment(increment.to_bytes()))
    with safe_open(tmp_path / "cat.safetensors", "pt") as file:
        (entry,) = file.metadata().values()
        factors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    assert json.loads(entry) == {
        "format": "sepme-lora/1",
        "concept": "cat",
        "base_digest": base.digest,
        "increment": increment.digest,
    }
    assert len(factors) == 2 * len(increment.weights)
    for path, w in increment.weights.items():
        down, up = (factors[f"unet.{path}.lora_{part}.weight"] for part in "AB")
        assert (up == w).all()
        assert (down == increment.directions.T).all()


DEMO_ATTENTIONS = {"down_blocks_0": 1, "down_blocks_1": 1, "mid_block": 1, "up_blocks_0": 2, "up_blocks_1": 2}
DEMO_MODULES = [
    f"lora_unet_{place}_attentions_{attention}_transformer_blocks_0_attn2_to_{matrix}"
    for place, attentions in DEMO_ATTENTIONS.items()
    for attention in range(attentions)
    for matrix in "kv"
]
"""By the rule of kohya's scripts: `lora_unet_`, and the module's path with underscores for dots."""


def test_the_names_for_other_programs_are_those_that_they_look_for(base: DiffusionModel, tmp_path: Path) -> None:
    increment = random_increment(base, "cat", rank=4)
    file = tmp_path / "cat.safetensors"
    file.write_bytes(lora_of_increment(increment.to_bytes(), "kohya"))
    with safe_open(file, "pt") as opened:
        factors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        described = json.loads(opened.metadata()["sepme"])
    parts = ("lora_down.weight", "lora_up.weight", "alpha")
    assert set(factors) == {f"{module}.{part}" for module in DEMO_MODULES for part in parts}
    assert {float(factors[f"{module}.alpha"]) for module in DEMO_MODULES} == {4.0}
    assert described["base_digest"] == base.digest
    path = "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k"
    module = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k"
    assert (factors[f"{module}.lora_up.weight"] == increment.weights[path]).all()
    assert (factors[f"{module}.lora_down.weight"] == increment.directions.T).all()


@pytest.mark.parametrize("names", ["diffusers", "kohya"])
def test_a_file_made_for_another_base_is_not_loaded(base: DiffusionModel, tmp_path: Path, names: Names) -> None:
    pipeline = stock_pipeline(MODEL_FOLDER)
    other = replace(random_increment(base), metadata={**random_increment(base).metadata, "base_digest": "sha256:0"})
    file = tmp_path / "other.safetensors"
    file.write_bytes(lora_of_increment(other.to_bytes(), names))
    with pytest.raises(IncrementForAnotherBase, match=f"made for base sha256:0, and this is {base.digest}"):
        load_lora(pipeline, file)
    assert pipeline.get_list_adapters() == {}
    file.write_bytes(lora_of_increment(random_increment(base).to_bytes(), names))
    load_lora(pipeline, file)
    assert list(pipeline.get_list_adapters()) == ["unet"]


def test_an_increment_file_is_no_lora_file(base: DiffusionModel, tmp_path: Path) -> None:
    file = tmp_path / "cat.safetensors"
    for data in (random_increment(base).to_bytes(), b"nothing of the kind"):
        file.write_bytes(data)
        with pytest.raises(IncrementDamaged, match="no LoRA file"):
            load_lora(stock_pipeline(MODEL_FOLDER), file)


@pytest.mark.parametrize(
    "data", [b"", b"\x08\x00\x00\x00\x00\x00\x00\x00{}      ", b"PK\x03\x04 not a tensor file", None]
)
def test_what_is_no_increment_is_refused(base: DiffusionModel, data: bytes | None) -> None:
    """The last one is a LoRA file itself."""
    with pytest.raises(NoIncrement):
        lora_of_increment(lora_of_increment(random_increment(base).to_bytes()) if data is None else data)
