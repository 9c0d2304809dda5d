"""A running batch on a device that is not the CPU, as fake tensors tell it; by schedulers that take them."""

from dataclasses import replace

import torch

from sepme_core.drawing.batch import Batch, begin
from sepme_core.drawing.conditioning import Conditioner
from sepme_core.drawing.request import PictureRequest
from sepme_core.increments.mask import make_mask
from sepme_core.models.model import DiffusionModel
from tests.sepme_core.fake_device import fake_device
from tests.sepme_core.increments.random import random_increment

REQUEST = PictureRequest("a cat", steps=4, width=64, height=64, guidance_scale=4.0)


@torch.no_grad()
def test_a_step_mixes_no_devices_and_waits_for_nothing(base: DiffusionModel) -> None:
    stored = [random_increment(base, name, seed=seed) for seed, name in enumerate(("cat", "ink"))]
    with fake_device() as device:
        there = device.base(base)
        conditioner = Conditioner(there)
        rows = [
            row
            for request, increments in (
                (REQUEST, stored),
                (replace(REQUEST, scheduler="pndm", prompt="a fish", negative_prompt="a heart"), stored[:1]),
                (replace(REQUEST, guidance_scale=7.3), []),
            )
            for row in begin(there, conditioner, request, make_mask(there, increments))
        ]
        batch, waits = Batch(there, rows=rows), list[int]()
        for _ in range(3):
            before = device.watch.waits
            assert batch.step() == []
            waits.append(device.watch.waits - before)
        assert {row.latents.device for row in rows} == {there.device}
        assert waits == [0, 0, 0]
