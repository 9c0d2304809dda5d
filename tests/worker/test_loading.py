"""What a worker does with its model before it says that it is there."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from sepme_core.demo import MODEL_FOLDER
from sepme_core.models.model import BaseNotSupported
from sepme_core.settings import Settings
from worker.process import load_model


def test_weights_that_are_no_numbers_are_refused_by_the_part_they_are_in(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(MODEL_FOLDER, tmp_path / "model"))
    file = folder / "vae" / "diffusion_pytorch_model.safetensors"
    weights = {name: torch.full_like(value, torch.nan) for name, value in load_file(file).items()}
    save_file(weights, file)
    settings = Settings.model_validate({"home": tmp_path, "model": str(folder), "device": "cpu"})
    with pytest.raises(BaseNotSupported, match="its autoencoder gives numbers that are not finite"):
        load_model(settings)


def test_the_model_runs_in_the_precision_of_the_settings(tmp_path: Path) -> None:
    settings = Settings.model_validate({"home": tmp_path, "device": "cpu", "dtype": "bfloat16"})
    assert load_model(settings).dtype == torch.bfloat16
