"""The pipeline as diffusers alone has it: no code of this project draws here."""

from pathlib import Path

import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline
from PIL import Image

from sepme_core.drawing.request import PictureRequest


def stock_pipeline(folder: Path) -> StableDiffusionPipeline:
    """A pipeline folder, loaded plainly, with the sampler that requests name `ddim`."""
    unchecked = {"safety_checker": None, "requires_safety_checker": False}
    pipeline = StableDiffusionPipeline.from_pretrained(str(folder), dtype=torch.float32, **unchecked)
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def stock_picture(pipeline: StableDiffusionPipeline, request: PictureRequest) -> Image.Image:
    """The one picture that a request asks for."""
    drawn: Image.Image = pipeline(
        request.prompt,
        num_inference_steps=request.steps,
        guidance_scale=request.guidance_scale,
        width=request.width,
        height=request.height,
        generator=[torch.Generator().manual_seed(request.seed)],
    ).images[0]
    return drawn
