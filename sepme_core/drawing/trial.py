"""One small picture, from prompt to pixels, by which a model is shown able to draw before it is announced."""

import torch
from torch import Tensor

from sepme_core.drawing.draw import draw_latents
from sepme_core.drawing.request import PictureRequest
from sepme_core.models.files import BaseNotSupported
from sepme_core.models.loading import first_line
from sepme_core.models.model import DiffusionModel
from sepme_core.models.prompts import embed

PROMPT = "a picture"
LATENTS = 8  # a side


def check_draws(base: DiffusionModel, side: int | None = None) -> None:
    """Take one step at the smallest size, or at that of ``side``, and see that every number on the way is finite.

    Raises:
        BaseNotSupported: naming the part that fails.
    """
    side = side or min(base.picture_side, LATENTS * base.downscale)
    request = PictureRequest(PROMPT, steps=1, width=side, height=side)
    part = "text encoder"
    try:
        _check_finite(base, part, embed(base, [PROMPT, ""]))
        part = "U-Net"
        latents = draw_latents(base, [PROMPT], request)
        _check_finite(base, part, latents)
        part = "autoencoder"
        _check_finite(base, part, _decode(base, latents))
    except BaseNotSupported:
        raise
    except Exception as error:  # whatever a model can do wrong
        raise BaseNotSupported(
            f"The model {base.name} loads, but its {part} fails at a trial picture ({first_line(error)});"
            " its parts may belong to different models."
        ) from error


@torch.no_grad()
def _decode(base: DiffusionModel, latents: Tensor) -> Tensor:
    pixels: Tensor = base.autoencoder.decode(latents / base.autoencoder.config.scaling_factor, return_dict=False)[0]
    return pixels


def _check_finite(base: DiffusionModel, part: str, numbers: Tensor) -> None:
    if not torch.isfinite(numbers).all():
        raise BaseNotSupported(
            f"The model {base.name} loads, but its {part} gives numbers that are not finite at a trial picture;"
            " its weights are damaged, or overflow in half precision: fetch them anew, or set SEPME_DTYPE=float32."
        )
