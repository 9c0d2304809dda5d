"""The samplers that a request can name, and how each is made for a base's noise schedule."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    LCMScheduler,
    PNDMScheduler,
    TCDScheduler,
    UniPCMultistepScheduler,
)

STOCK_ETA = 0.0
"""What the stock pipeline gives to schedulers that ask how much noise a step adds, where its caller says nothing."""


def _grid(asked: int | None, given: int | None, config: Mapping[str, Any]) -> int | None:
    """How fine a grid of time steps a consistency scheduler is given, which takes no more steps than the grid has.

    Its own where that is enough. Else the coarsest that is and divides the noise schedule, so that the first step stays
    where the noise is whole.
    """
    if asked is None or given is not None or asked <= config["original_inference_steps"]:
        return given
    times = int(config["num_train_timesteps"])
    return next((grid for grid in range(asked, times + 1) if times % grid == 0), None)


class _AnySteps:
    """Consistency sampling in any number of steps; plainly, more than models were distilled for (50) are refused."""

    def set_timesteps(
        self,
        num_inference_steps: int | None = None,
        device: Any = None,
        original_inference_steps: int | None = None,
        **more: Any,
    ) -> None:
        """As the plain one, which is told of a finer grid where it needs one."""
        config: Mapping[str, Any] = self.config  # type: ignore[attr-defined]  # of the class it is mixed into
        grid = _grid(num_inference_steps, original_inference_steps, config)
        super().set_timesteps(num_inference_steps, device, grid, **more)  # type: ignore[misc]


class AnyStepsLCMScheduler(_AnySteps, LCMScheduler):  # type: ignore[misc]
    """LCM in any number of steps."""


class AnyStepsTCDScheduler(_AnySteps, TCDScheduler):  # type: ignore[misc]
    """TCD in any number of steps."""


@dataclass(frozen=True)
class Sampler:
    """A scheduler's class, and what of its configuration is set over the base's."""

    kind: Any
    options: Mapping[str, Any] = field(default_factory=dict)


SCHEDULERS: Mapping[str, Sampler] = {
    "ddim": Sampler(DDIMScheduler),
    "dpm++-2m-karras": Sampler(
        DPMSolverMultistepScheduler,
        {"algorithm_type": "dpmsolver++", "solver_order": 2, "use_karras_sigmas": True},
    ),
    "dpm-solver": Sampler(DPMSolverMultistepScheduler),
    "euler": Sampler(EulerDiscreteScheduler),
    "euler-a": Sampler(EulerAncestralDiscreteScheduler),  # what most people call the next
    "euler-ancestral": Sampler(EulerAncestralDiscreteScheduler),
    "lcm": Sampler(AnyStepsLCMScheduler),
    "pndm": Sampler(PNDMScheduler),
    "tcd": Sampler(AnyStepsTCDScheduler),
    "unipc": Sampler(UniPCMultistepScheduler),
}
"""By the names that a request says. LCM and TCD are meant for models distilled for them; on others they run too."""


def make_scheduler(name: str, config: Mapping[str, Any]) -> Any:
    """A fresh scheduler of that name for a base's noise schedule; schedulers hold state, so one per request.

    Raises:
        KeyError: no such scheduler.
    """
    sampler = SCHEDULERS[name]
    return sampler.kind.from_config({**config, **sampler.options})


def step_arguments(scheduler: Any, generator: torch.Generator | list[torch.Generator]) -> dict[str, Any]:
    """What ``scheduler.step`` takes besides the model's output, as the stock pipeline gives it.

    All noise that a step draws comes from ``generator``, one or one a picture: every scheduler here that draws any
    takes it.
    """
    offered = {"generator": generator, "eta": STOCK_ETA}
    taken = inspect.signature(scheduler.step).parameters
    return {name: value for name, value in offered.items() if name in taken}


MOST_LEAST_STEPS = 8


def least_steps(config: Mapping[str, Any]) -> dict[str, int]:
    """How many steps each scheduler takes at the least on a base's noise schedule: some need a few to begin with."""
    return {name: _least_steps(name, config) for name in SCHEDULERS}


def _least_steps(name: str, config: Mapping[str, Any]) -> int:
    """One more than the largest small number at which it fails."""
    failing = (steps for steps in range(MOST_LEAST_STEPS, 0, -1) if not _takes(name, config, steps))
    return next(failing, 0) + 1


def _takes(name: str, config: Mapping[str, Any], steps: int) -> bool:
    """Whether the scheduler comes to an end in so many steps, tried on a latent of four numbers."""
    scheduler = make_scheduler(name, config)
    sample, noise = torch.ones(1, 1, 2, 2), torch.Generator()
    try:
        scheduler.set_timesteps(steps)
        for time in scheduler.timesteps:
            output = scheduler.scale_model_input(sample, time) / 2
            sample = scheduler.step(output, time, sample, **step_arguments(scheduler, noise)).prev_sample
    except (IndexError, ValueError, TypeError, RuntimeError, ZeroDivisionError):  # they check nothing themselves
        return False
    return bool(torch.isfinite(sample).all())
