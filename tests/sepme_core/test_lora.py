import json
from dataclasses import replace
from pathlib import Path

import pytest
from diffusers import StableDiffusionPipeline
from safetensors import safe_open

from sepme_core.base import Base
from sepme_core.demo import MODEL_FOLDER
from sepme_core.evaluation.similarity import structural_similarity
from sepme_core.generation import PictureRequest, generate
from sepme_core.lora import NoIncrement, lora_of_increment
from tests.sepme_core.erased import erased
from tests.sepme_core.increments import random_increment
from tests.sepme_core.stock import stock_picture, stock_pipeline

REQUEST = PictureRequest("", seed=7, steps=12, guidance_scale=4.0, width=64, height=64)


@pytest.fixture(scope="module")
def stock_without_sepia(base: Base, tmp_path_factory: pytest.TempPathFactory) -> StableDiffusionPipeline:
    """The stock pipeline with the LoRA file of the erased style."""
    file = tmp_path_factory.mktemp("lora") / "sepia.safetensors"
    file.write_bytes(lora_of_increment(erased(base, "sepia").to_bytes()))
    pipeline = stock_pipeline(MODEL_FOLDER)
    pipeline.load_lora_weights(str(file))
    return pipeline


@pytest.mark.parametrize("prompt", ["a cat in sepia style", "a house by sepia", "a fox in ink style", ""])
def test_a_lora_file_gives_the_pictures_of_the_mask(
    base: Base, stock_without_sepia: StableDiffusionPipeline, prompt: str
) -> None:
    request = replace(REQUEST, prompt=prompt)
    (masked,) = generate(base, request, [erased(base, "sepia")])
    similarity = structural_similarity(masked.image, stock_picture(stock_without_sepia, request))
    print(f"{prompt!r}: SSIM {similarity:.6f}")
    assert similarity >= 0.999


def test_the_lora_file_does_erase(base: Base, stock_without_sepia: StableDiffusionPipeline) -> None:
    request = replace(REQUEST, prompt="a cat in sepia style")
    (plain,) = generate(base, request)
    assert structural_similarity(plain.image, stock_picture(stock_without_sepia, request)) < 0.8


def test_the_same_increment_gives_the_same_bytes(base: Base) -> None:
    data = random_increment(base).to_bytes()
    assert lora_of_increment(data) == lora_of_increment(bytes(bytearray(data)))


def test_the_file_says_what_it_is_and_names_the_factors_as_diffusers_does(base: Base, tmp_path: Path) -> None:
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


@pytest.mark.parametrize(
    "data", [b"", b"\x08\x00\x00\x00\x00\x00\x00\x00{}      ", b"PK\x03\x04 not a tensor file", None]
)
def test_what_is_no_increment_is_refused(base: Base, data: bytes | None) -> None:
    """The last one is a LoRA file itself."""
    with pytest.raises(NoIncrement):
        lora_of_increment(lora_of_increment(random_increment(base).to_bytes()) if data is None else data)
