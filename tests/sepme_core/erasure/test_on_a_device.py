"""An erasure on a device that is not the CPU, as fake tensors tell it.

Every tensor lies where it is used; none there is of float64, which not every device has; a step waits for it once.
"""

from itertools import pairwise

import pytest
import torch

from sepme_core.drawing.draw import draw_latents
from sepme_core.drawing.request import PictureRequest
from sepme_core.erasure import ErasureCache, ErasureSettings
from sepme_core.erasure.certificate import measure_effect, measure_leak, relative_norm
from sepme_core.erasure.correlation import Candidate, Costs, Standing, Trainee, refine
from sepme_core.erasure.evidence import Drawn
from sepme_core.erasure.latents import noise_latents, noise_of_velocity
from sepme_core.erasure.looking import explained
from sepme_core.erasure.sentences import Sentence
from sepme_core.erasure.training import as_stored, first_weights, in_the_loop, make_trainee
from sepme_core.increments.increment import Increment
from sepme_core.models.cross_attention import keys_and_values
from sepme_core.models.devices import Precision
from sepme_core.models.model import DiffusionModel, load_base
from sepme_core.models.prompts import embed
from tests.sepme_core.erasure.planned import planned
from tests.sepme_core.fake_device import DEVICE, FakeDevice, WouldFail, fake_device
from tests.sepme_core.increments.random import random_increment

SENTENCES = [Sentence("a {} in {other} style", "cat", "{other} style", "ink"), Sentence("a {}", "cat")]
DRAWING = PictureRequest("", steps=2, width=64, height=64, guidance_scale=4.0)


@pytest.fixture(scope="module")
def stored(base: DiffusionModel) -> Increment:
    """An increment as it is read from its file, on the CPU."""
    return random_increment(base, "cat")


def latents_on(base: DiffusionModel) -> torch.Tensor:
    """Two latents where the model is."""
    return torch.randn(2, base.unet.config.in_channels, 8, 8).to(base.device, base.dtype)


def test_a_mixture_of_devices_float64_and_a_wait_are_found() -> None:
    with fake_device() as device:
        there = torch.ones(2, 2).to(DEVICE)
        before = device.watch.waits
        assert float((there @ there).sum()) == 1.0
        assert device.watch.waits == before + 1
        with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
            there @ torch.ones(2, 2)
        with pytest.raises(WouldFail, match="float64"):
            there.double()


@torch.no_grad()
def test_conditioning_denoising_and_decoding_mix_no_devices(base: DiffusionModel, stored: Increment) -> None:
    with fake_device() as device:
        there = device.base(base)
        embedded = embed(there, ["a cat", ""])
        given = keys_and_values(there.unet, embedded, [stored], [0])
        latents = draw_latents(there, ["a cat", "a fish"], DRAWING, [stored])
        pixels = there.autoencoder.decode(latents).sample
        assert {each.device for pair in given.values() for each in pair} == {latents.device} == {there.device}
        assert pixels.device == there.device
        assert explained(there, latents, ["a cat", "a fish"], 0).device.type == "cpu"


def trainee(device: FakeDevice, base: DiffusionModel, stored: Increment) -> Trainee:
    """A concept in the loop: latents of the model's precision, a stored start, costs as they are solved."""
    noised = noise_latents(base, SENTENCES, latents_on(base), 8, torch.Generator().manual_seed(0))
    costs = Costs(*(torch.eye(base.width, dtype=torch.float64) for _ in range(2)))
    start = in_the_loop(base, Candidate(stored.directions, stored.weights))
    return Trainee(start, torch.ones(start.directions.shape[1]).to(device.watch.device), noised, costs)


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_a_step_of_the_loop_mixes_no_devices_and_waits_for_its_own_once(
    stored: Increment, precision: Precision
) -> None:
    real = load_base("demo", device="cpu", dtype=precision)
    with fake_device() as device:
        there = device.base(real)
        settings = ErasureSettings(max_steps=2, batch_size=4)
        steps = refine(there, [trainee(device, there, stored)], settings, Standing(1.0, 1.0))
        waits = [device.watch.waits for _ in steps]
        assert [after - before for before, after in pairwise(waits)] == [1]


def test_what_is_solved_in_float64_reaches_the_device_as_float32(base: DiffusionModel, cache: ErasureCache) -> None:
    plan, drawn = planned(cache, "cat", None)
    with fake_device() as device:
        there = device.base(base)
        elsewhere = ErasureCache(there)
        start = first_weights(there, plan)
        assert {w.dtype for w in start.weights.values()} == {torch.float32}
        shown = Drawn(elsewhere, drawn.sentences, latents_on(there), drawn.seed)
        for each in (start, as_stored(start.directions, start.weights)):  # what is stored is where a loop goes on from
            made = make_trainee(elsewhere, plan, shown, each)
            assert {w.device for w in made.start.weights.values()} == {there.device}
            assert {w.dtype for w in made.start.weights.values()} == {torch.float32}


@torch.no_grad()
def test_a_certificate_mixes_no_devices(base: DiffusionModel, stored: Increment) -> None:
    with fake_device() as device:
        there = device.base(base)
        fresh = noise_latents(there, SENTENCES, latents_on(there), 4, torch.Generator().manual_seed(0))
        measure_effect(there, stored, fresh)
        measure_leak(ErasureCache(there), stored, ["a fish", "fish"])
        relative_norm(there, stored)
        velocity = noise_of_velocity(there, fresh.noised, fresh.times, fresh.counterpart)
        assert velocity.device == there.device
