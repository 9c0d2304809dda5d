"""The samplers that a request can name, and how each is made for a base's noise schedule."""

from collections.abc import Mapping
from typing import Any

import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    PNDMScheduler,
    UniPCMultistepScheduler,
)

SCHEDULERS: dict[str, Any] = {
    "ddim": DDIMScheduler,
    "dpm-solver": DPMSolverMultistepScheduler,
    "euler": EulerDiscreteScheduler,
    "euler-ancestral": EulerAncestralDiscreteScheduler,
    "pndm": PNDMScheduler,
    "unipc": UniPCMultistepScheduler,
}


def make_scheduler(name: str, config: Mapping[str, Any]) -> Any:
    """A fresh scheduler of the named class for a base's noise schedule; schedulers hold state, so one per request.

    Raises:
        KeyError: no such scheduler.
    """
    return SCHEDULERS[name].from_config(dict(config))


MOST_LEAST_STEPS = 8


def least_steps(config: Mapping[str, Any]) -> dict[str, int]:
    """How many steps each scheduler takes at the least on a base's noise schedule: some need a few to begin with."""
    with torch.random.fork_rng(devices=[]):  # one of them draws noise
        return {name: _least_steps(name, config) for name in SCHEDULERS}


def _least_steps(name: str, config: Mapping[str, Any]) -> int:
    """One more than the largest small number at which it fails."""
    failing = (steps for steps in range(MOST_LEAST_STEPS, 0, -1) if not _takes(name, config, steps))
    return next(failing, 0) + 1


def _takes(name: str, config: Mapping[str, Any], steps: int) -> bool:
    """Whether the scheduler comes to an end in so many steps, tried on a latent of four numbers."""
    scheduler = make_scheduler(name, config)
    sample = torch.ones(1, 1, 2, 2)
    try:
        scheduler.set_timesteps(steps)
        for time in scheduler.timesteps:
            output = scheduler.scale_model_input(sample, time) / 2
            sample = scheduler.step(output, time, sample).prev_sample
    except (IndexError, ValueError, TypeError, RuntimeError, ZeroDivisionError):  # they check nothing themselves
        return False
    return bool(torch.isfinite(sample).all())
