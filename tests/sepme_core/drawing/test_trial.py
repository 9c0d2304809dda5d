"""A model that loads is announced only if it can draw."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from sepme_core.drawing.trial import check_draws
from sepme_core.models.files import BaseNotSupported
from sepme_core.models.model import DiffusionModel, load_base
from tests.sepme_core.narrow import SD_1_4, SD_2_1, save_narrow_pipeline


def test_the_demo_model_draws(base: DiffusionModel) -> None:
    check_draws(base)


def test_a_model_with_a_small_latent_and_another_prediction_draws(tmp_path: Path) -> None:
    check_draws(load_base(str(save_narrow_pipeline(tmp_path, SD_2_1, "v_prediction")), device="cpu"))


@contextmanager
def broken(module: torch.nn.Module, number: float) -> Iterator[None]:
    """One weight of a module is another number meanwhile."""
    weight = list(module.parameters())[-1].data.view(-1)
    before = weight[0].clone()
    weight[0] = number
    try:
        yield
    finally:
        weight[0] = before


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
@pytest.mark.parametrize("part", ["text encoder", "U-Net", "autoencoder"])
def test_a_part_whose_numbers_are_not_finite_is_named(base: DiffusionModel, part: str, number: float) -> None:
    module = {"text encoder": base.text_encoder, "U-Net": base.unet, "autoencoder": base.autoencoder.decoder}[part]
    with broken(module, number), pytest.raises(BaseNotSupported, match=f"its {part} gives numbers that are not finite"):
        check_draws(base)


def test_parts_of_different_models_are_told_by_the_one_that_fails(base: DiffusionModel, tmp_path: Path) -> None:
    other = load_base(str(save_narrow_pipeline(tmp_path, SD_1_4, "epsilon")), device="cpu")
    with pytest.raises(BaseNotSupported, match="its U-Net fails at a trial picture"):
        check_draws(replace(base, text_encoder=other.text_encoder))
