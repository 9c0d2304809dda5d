"""Where the model runs and how precisely: as the operator says, or as suits the device."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from sepme_core.demo import MODEL_FOLDER
from sepme_core.drawing.draw import generate
from sepme_core.drawing.request import PictureRequest
from sepme_core.drawing.trial import check_draws
from sepme_core.models.devices import PRECISIONS, Precision, pick_device, pick_precision
from sepme_core.models.model import BaseNotSupported, DiffusionModel, load_base

SMALL = PictureRequest("a cat", seed=3, steps=2, width=64, height=64)


@pytest.mark.parametrize("device", ["cuda:99", "mps"])
def test_a_device_that_is_not_there_is_named(device: str) -> None:
    if device == "mps" and torch.backends.mps.is_available():
        pytest.skip("this machine has one")
    with pytest.raises(BaseNotSupported, match=f"no device {device}"):
        pick_device(device)


def test_on_cuda_the_model_runs_in_float16_elsewhere_in_float32_unless_the_operator_says_otherwise() -> None:
    found = {kind: pick_precision("auto", torch.device(kind)) for kind in ("cuda", "mps", "cpu")}
    assert found == {"cuda": torch.float16, "mps": torch.float32, "cpu": torch.float32}
    for name, precision in PRECISIONS.items():
        assert {pick_precision(name, torch.device(kind)) for kind in found} == {precision}


@pytest.mark.parametrize("name", ["bfloat16", "float16"])
def test_every_part_runs_in_the_precision_that_is_asked_for_and_the_base_is_the_same(
    base: DiffusionModel, name: Precision
) -> None:
    half = load_base("demo", device="cpu", dtype=name)
    assert half.dtype == half.text_encoder.dtype == PRECISIONS[name]
    assert (half.digest, half.autoencoder_digest) == (base.digest, base.autoencoder_digest)
    check_draws(half)
    (picture,) = generate(half, SMALL)
    assert picture.record["dtype"] == name


def test_an_autoencoder_that_would_overflow_in_float16_decodes_in_float32(tmp_path: Path) -> None:
    upcast = load_base("demo", device="cpu", dtype="float16")
    assert upcast.autoencoder.config.force_upcast
    assert upcast.autoencoder.dtype == torch.float32
    assert load_base("demo", device="cpu", dtype="bfloat16").autoencoder.dtype == torch.bfloat16  # its range is wide
    folder = Path(shutil.copytree(MODEL_FOLDER, tmp_path / "model"))
    options = json.loads((folder / "vae" / "config.json").read_text())
    (folder / "vae" / "config.json").write_text(json.dumps({**options, "force_upcast": False}))
    plain = load_base(str(folder), device="cpu", dtype="float16")
    assert plain.autoencoder.dtype == torch.float16
    check_draws(plain)
