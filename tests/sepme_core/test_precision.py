"""The whole way in bfloat16 and float16: erase, certify, draw, restore, verify."""

from pathlib import Path
from typing import Any

import pytest
import torch

from sepme_core.drawing.draw import generate
from sepme_core.drawing.request import PictureRequest
from sepme_core.erasure import ErasureRequest, ErasureSettings, KnownConcept, erase, recertify, run_to_end
from sepme_core.increments.increment import Increment
from sepme_core.models.devices import Precision
from sepme_core.models.model import DiffusionModel, load_base
from tests.sepme_core.narrow import SD_1_4, SD_2_1, save_narrow_pipeline

FISH = KnownConcept("fish", "object", ("fish",))
HALVES = ("bfloat16", pytest.param("float16", marks=pytest.mark.slow))
"""In float16 a CPU takes ten times as long."""


def go_the_whole_way(base: DiffusionModel, settings: ErasureSettings, *, override: bool) -> Increment:
    """Erase a cat and look at everything that follows from it; the increment, as it is read from its file."""
    side = base.picture_side
    request = PictureRequest("a cat", seed=5, steps=4, width=side, height=side, guidance_scale=4.0)
    (plain,) = generate(base, request)
    asked = ErasureRequest("cat", "object", ("cat",), settings=settings, override=override)
    made = run_to_end(erase(base, asked, [FISH])).increment
    stored = Increment.from_bytes(made.to_bytes(), digest=made.digest, base=base)
    assert (stored.directions.dtype, next(iter(stored.weights.values())).dtype) == (torch.float32, torch.float16)
    again = recertify(base, stored, [FISH])
    assert again["relative_loss"] == pytest.approx(stored.certificate["relative_loss"], abs=1e-6)
    assert again["leak"] == stored.certificate["leak"]
    assert again["forgotten"] == stored.certificate["forgotten"]
    (masked,) = generate(base, request, [stored])
    (restored,) = generate(base, request)
    assert masked.sha256 != plain.sha256
    assert restored.sha256 == plain.sha256
    return stored


@pytest.mark.slow
@pytest.mark.parametrize("unet", [SD_1_4, SD_2_1])
@pytest.mark.parametrize("precision", HALVES)
def test_a_narrowed_stable_diffusion(tmp_path: Path, unet: dict[str, Any], precision: Precision) -> None:
    prediction = "v_prediction" if unet is SD_2_1 else "epsilon"
    base = load_base(str(save_narrow_pipeline(tmp_path, unet, prediction)), device="cpu", dtype=precision)
    made = go_the_whole_way(base, ErasureSettings(start="zero", max_steps=3, pictures=4), override=True)
    assert made.certificate["steps"] == 3  # the optimiser's loop was gone through


@pytest.mark.parametrize("precision", HALVES)
def test_the_demo_model_forgets_as_in_float32(precision: Precision) -> None:
    base = load_base("demo", device="cpu", dtype=precision)
    made = go_the_whole_way(base, ErasureSettings(pictures=4), override=False)
    assert made.certificate["forgotten"]["forgotten"]
    assert made.certificate["overridden"] == []
