"""The samplers that a request can name, and how each is made for a base's noise schedule."""

from collections.abc import Mapping
from typing import Any

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
