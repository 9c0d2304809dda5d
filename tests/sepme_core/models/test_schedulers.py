"""Schedulers draw at every number of steps that they are said to take, none below, and as diffusers alone does."""

import inspect
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    LCMScheduler,
    StableDiffusionPipeline,
    TCDScheduler,
)

from sepme_core.demo import MODEL_FOLDER
from sepme_core.drawing.draw import generate
from sepme_core.drawing.request import PictureRequest, pixel_digest
from sepme_core.models.model import MAXIMUM_STEPS, DiffusionModel
from sepme_core.models.schedulers import SCHEDULERS, least_steps, make_scheduler, step_arguments
from tests.sepme_core.stock import stock_picture, stock_pipeline

KARRAS = {"use_karras_sigmas": True, "algorithm_type": "dpmsolver++"}
STOCK = {  # as their users make them with diffusers alone
    "dpm++-2m-karras": (DPMSolverMultistepScheduler, KARRAS),
    "euler-a": (EulerAncestralDiscreteScheduler, {}),
    "euler-ancestral": (EulerAncestralDiscreteScheduler, {}),
    "lcm": (LCMScheduler, {}),
    "tcd": (TCDScheduler, {}),
}


@pytest.fixture(scope="module")
def stock() -> StableDiffusionPipeline:
    return stock_pipeline(MODEL_FOLDER)


@pytest.mark.parametrize("scheduler", sorted(SCHEDULERS))
def test_few_steps_draw_or_are_below_the_least_at_every_guidance(base: DiffusionModel, scheduler: str) -> None:
    least = base.describe()["limits"]["least_steps"][scheduler]
    for steps, guidance in product((1, 2, 3, 4), (0.0, 1.0, 7.0)):
        request = PictureRequest("a cat", "ink", 7, 1, steps, guidance, 64, 64, scheduler)
        if steps < least:
            with pytest.raises((ValueError, IndexError, TypeError, RuntimeError)):
                generate(base, request)
        else:
            (picture,) = generate(base, request)
            assert np.asarray(picture.image).std() > 0, (steps, guidance)


def test_only_one_scheduler_needs_several_steps_on_the_demo_model(base: DiffusionModel) -> None:
    assert {name: steps for name, steps in least_steps(base.scheduler).items() if steps > 1} == {"pndm": 4}


@pytest.mark.parametrize("scheduler", sorted(STOCK))
def test_a_picture_is_the_one_that_diffusers_alone_draws_with_that_scheduler(
    base: DiffusionModel, stock: StableDiffusionPipeline, scheduler: str
) -> None:
    kind, options = STOCK[scheduler]
    stock.scheduler = kind.from_config(stock.scheduler.config, **options)
    request = PictureRequest("a cat in ink style", "", 3, 1, 4, 1.5, 64, 64, scheduler)
    (picture,) = generate(base, request)
    assert picture.sha256 == pixel_digest(stock_picture(stock, request))


@pytest.mark.parametrize("steps", [51, 100, 101, MAXIMUM_STEPS])
@pytest.mark.parametrize("scheduler", sorted(SCHEDULERS))
def test_every_scheduler_takes_many_steps(base: DiffusionModel, scheduler: str, steps: int) -> None:
    made = make_scheduler(scheduler, base.scheduler)
    made.set_timesteps(steps)
    assert len(made.timesteps) >= steps
    if scheduler in ("lcm", "tcd"):
        assert made.timesteps[0] == 999  # where the noise is whole


@pytest.mark.parametrize("scheduler", sorted(SCHEDULERS))
def test_all_noise_of_a_step_comes_from_the_pictures_own_generator(base: DiffusionModel, scheduler: str) -> None:
    def last(seed: int, elsewhere: int) -> list[float]:
        torch.manual_seed(elsewhere)
        made = make_scheduler(scheduler, base.scheduler)
        made.set_timesteps(6)
        arguments: dict[str, Any] = step_arguments(made, torch.Generator().manual_seed(seed))
        sample = torch.ones(1, 1, 2, 2)
        for time in made.timesteps:
            sample = made.step(made.scale_model_input(sample, time) / 2, time, sample, **arguments).prev_sample
        return sample.flatten().tolist()

    with torch.random.fork_rng(devices=[]):
        assert last(1, elsewhere=1) == last(1, elsewhere=2)
        draws = scheduler in ("euler-a", "euler-ancestral", "lcm")
        assert (last(1, elsewhere=1) != last(2, elsewhere=1)) is draws


@pytest.mark.parametrize("scheduler", sorted(SCHEDULERS))
def test_a_step_is_given_what_the_stock_pipeline_gives_it(
    base: DiffusionModel, stock: StableDiffusionPipeline, scheduler: str
) -> None:
    stock.scheduler = make_scheduler(scheduler, base.scheduler)
    noise = torch.Generator()
    eta = inspect.signature(stock.__call__).parameters["eta"].default
    assert step_arguments(stock.scheduler, noise) == stock.prepare_extra_step_kwargs(noise, eta)


def test_asking_for_the_least_steps_leaves_the_noise_of_others_alone(base: DiffusionModel) -> None:
    before = torch.get_rng_state()
    least_steps(base.scheduler)
    assert torch.equal(before, torch.get_rng_state())
