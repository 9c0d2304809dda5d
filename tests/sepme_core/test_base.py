import copy
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline

from sepme_core.base import Base, BaseNotSupported, autoencoder_digest, check_supported, load_base
from sepme_core.demo import MODEL_FOLDER
from sepme_core.demo.corpus import load_concepts
from sepme_core.generation import PictureRequest, make_record
from tests.sepme_core.narrow import SD_2_1, save_narrow_pipeline


def test_the_demo_model_loads_plainly_and_draws() -> None:
    pipeline = StableDiffusionPipeline.from_pretrained(str(MODEL_FOLDER))
    pipeline.set_progress_bar_config(disable=True)
    picture = pipeline("a cat", num_inference_steps=2, width=64, height=64).images[0]
    assert picture.size == (64, 64)


def test_the_demo_model_stays_under_32_megabytes() -> None:
    assert sum(path.stat().st_size for path in MODEL_FOLDER.rglob("*") if path.is_file()) < 32_000_000


def test_the_autoencoder_has_a_digest_of_its_own_which_pictures_name(base: Base) -> None:
    """Another autoencoder makes other pictures of the same base; increments stay valid."""
    autoencoder = copy.deepcopy(base.autoencoder)
    assert autoencoder_digest(autoencoder) == base.autoencoder_digest
    with torch.no_grad():
        next(autoencoder.decoder.parameters()).add_(1e-3)
    changed = autoencoder_digest(autoencoder)
    assert changed != base.autoencoder_digest
    other = replace(base, autoencoder=autoencoder, autoencoder_digest=changed)
    assert make_record(other, PictureRequest("a cat"), [], row=0)["autoencoder_digest"] == changed


def test_the_suggestions_are_the_corpus(base: Base) -> None:
    assert base.suggestions.objects == tuple(load_concepts().objects)
    assert base.suggestions.styles == load_concepts().styles
    assert (len(base.suggestions.objects), len(base.suggestions.styles)) == (24, 9)


def test_the_digest_does_not_depend_on_the_files_it_came_from(base: Base, tmp_path: Path) -> None:
    pipeline = StableDiffusionPipeline.from_pretrained(str(MODEL_FOLDER), dtype=torch.float32)
    pipeline.save_pretrained(tmp_path, max_shard_size="4MB")
    assert load_base(str(tmp_path), device="cpu").digest == base.digest


def test_another_weight_is_another_base(base: Base, tmp_path: Path) -> None:
    pipeline = StableDiffusionPipeline.from_pretrained(str(MODEL_FOLDER), dtype=torch.float32)
    with torch.no_grad():
        next(pipeline.unet.parameters()).view(-1)[0] += 1e-3
    pipeline.save_pretrained(tmp_path)
    assert load_base(str(tmp_path), device="cpu").digest != base.digest


def test_a_v_predicting_pipeline_is_loaded_as_such(tmp_path: Path) -> None:
    loaded = load_base(str(save_narrow_pipeline(tmp_path, SD_2_1, "v_prediction")), device="cpu")
    assert loaded.prediction_type == "v_prediction"
    assert loaded.suggestions.styles == ()
    assert json.dumps(loaded.describe())


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    folder = save_narrow_pipeline(tmp_path, SD_2_1, "epsilon")
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    torch.save({}, weights.with_suffix(".bin"))
    weights.unlink()
    with pytest.raises(OSError, match="safetensors"):
        load_base(str(folder), device="cpu")


def test_a_network_without_cross_attention_is_refused() -> None:
    with pytest.raises(BaseNotSupported, match="Stable Diffusion"):
        check_supported(torch.nn.Linear(2, 2))
