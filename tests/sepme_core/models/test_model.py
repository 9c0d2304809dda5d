import copy
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel
from safetensors.torch import load_file, save_file

from sepme_core.demo import MODEL_FOLDER
from sepme_core.demo.corpus import load_concepts
from sepme_core.drawing.request import PictureRequest, make_record
from sepme_core.models.model import (
    BaseNotSupported,
    DiffusionModel,
    autoencoder_digest,
    check_supported,
    load_base,
    read_suggestions,
)
from tests.sepme_core.narrow import NARROW, SD_1_4, SD_2_1, save_narrow_pipeline


def test_the_demo_model_loads_plainly_and_draws() -> None:
    pipeline = StableDiffusionPipeline.from_pretrained(str(MODEL_FOLDER))
    pipeline.set_progress_bar_config(disable=True)
    picture = pipeline("a cat", num_inference_steps=2, width=64, height=64).images[0]
    assert picture.size == (64, 64)


def test_the_demo_model_stays_under_32_megabytes() -> None:
    assert sum(path.stat().st_size for path in MODEL_FOLDER.rglob("*") if path.is_file()) < 32_000_000


def test_the_autoencoder_has_a_digest_of_its_own_which_pictures_name(base: DiffusionModel) -> None:
    """Another autoencoder makes other pictures of the same base; increments stay valid."""
    autoencoder = copy.deepcopy(base.autoencoder)
    assert autoencoder_digest(autoencoder) == base.autoencoder_digest
    with torch.no_grad():
        next(autoencoder.decoder.parameters()).add_(1e-3)
    changed = autoencoder_digest(autoencoder)
    assert changed != base.autoencoder_digest
    other = replace(base, autoencoder=autoencoder, autoencoder_digest=changed)
    assert make_record(other, PictureRequest("a cat"), [], row=0)["autoencoder_digest"] == changed


def test_the_suggestions_are_the_corpus(base: DiffusionModel) -> None:
    assert base.suggestions.objects == tuple(load_concepts().objects)
    assert base.suggestions.styles == load_concepts().styles
    assert (len(base.suggestions.objects), len(base.suggestions.styles)) == (24, 9)


def test_the_digest_does_not_depend_on_the_files_it_came_from(base: DiffusionModel, tmp_path: Path) -> None:
    pipeline = StableDiffusionPipeline.from_pretrained(str(MODEL_FOLDER), dtype=torch.float32)
    pipeline.save_pretrained(tmp_path, max_shard_size="4MB")
    assert load_base(str(tmp_path), device="cpu").digest == base.digest


def test_another_weight_is_another_base(base: DiffusionModel, tmp_path: Path) -> None:
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
    with pytest.raises(BaseNotSupported, match="safetensors"):
        load_base(str(folder), device="cpu")


def test_a_network_without_cross_attention_is_refused() -> None:
    with pytest.raises(BaseNotSupported, match="Stable Diffusion"):
        check_supported(torch.nn.Linear(2, 2))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"time_cond_proj_dim": 8}, "distilled"),
        ({"num_class_embeds": 3}, "a class"),
        ({"class_embed_type": "timestep"}, "a class"),
        ({"in_channels": 9}, "inpainting"),
    ],
)
def test_a_network_with_an_input_that_nobody_would_give_is_refused(options: dict[str, Any], reason: str) -> None:
    unet = UNet2DConditionModel(**{**SD_1_4, **NARROW, **options})
    with pytest.raises(BaseNotSupported, match=reason):
        check_supported(unet)


def test_weights_that_lack_a_tensor_are_refused_rather_than_made_up(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(MODEL_FOLDER, tmp_path / "model"))
    for part, file in (("text_encoder", "model.safetensors"), ("unet", "diffusion_pytorch_model.safetensors")):
        whole = load_file(folder / part / file)
        lost = min(whole)
        save_file({name: value for name, value in whole.items() if name != lost}, folder / part / file)
        with pytest.raises(BaseNotSupported, match=rf"{part} lack 1 tensors"):
            load_base(str(folder), device="cpu")
        save_file(whole, folder / part / file)


def test_a_variant_is_the_same_base(base: DiffusionModel, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(MODEL_FOLDER, tmp_path / "model"))
    for file in (*folder.glob("*/model.safetensors"), *folder.glob("*/diffusion_pytorch_model.safetensors")):
        file.rename(file.with_name(f"{file.stem}.fp16.safetensors"))
    assert load_base(str(folder), variant="fp16", device="cpu").digest == base.digest


def test_the_positions_of_the_encoder_count_where_a_tokenizer_names_no_length(
    base: DiffusionModel, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(MODEL_FOLDER, tmp_path / "model"))
    file = folder / "tokenizer" / "tokenizer_config.json"
    options = json.loads(file.read_text())
    for length in (None, 77):
        file.write_text(json.dumps({**options, "model_max_length": length} if length else _without(options)))
        loaded = load_base(str(folder), device="cpu")
        assert (loaded.tokens, loaded.digest) == (base.tokens, base.digest)
        assert loaded.describe()["limits"]["prompt_tokens"] == 14


def _without(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name != "model_max_length"}


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"styles": "ink", "objects": [], "prompt": ""}'])
def test_suggestions_that_cannot_be_read_are_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "suggestions.json").write_text(text)
    with pytest.raises(BaseNotSupported, match=r"suggestions\.json"):
        read_suggestions(tmp_path)
