"""Pictures under a mask: the stock diffusers pipeline, run on given K and V."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

from sepme_core.drawing.request import Picture, PictureRequest, applied, make_record
from sepme_core.increments.increment import Increment, check_base
from sepme_core.models.cross_attention import Factors, keys_and_values
from sepme_core.models.model import DiffusionModel
from sepme_core.models.prompts import embed
from sepme_core.models.schedulers import make_scheduler

OnStep = Callable[[int, int], None]
DECODING_SCHEDULER = "ddim"  # the pipeline wants one; decoding does not use it


def generate(
    base: DiffusionModel,
    request: PictureRequest,
    increments: Sequence[Increment] = (),
    on_step: OnStep = lambda _step, _of: None,
) -> list[Picture]:
    """Draw ``request`` with the concepts of ``increments`` erased.

    ``on_step`` is called after each denoising step with its number and their count; what it raises ends the work.
    Increments are applied in the order of their concepts' names, so that a mask is one sum whatever order it came in.

    Raises:
        IncrementForAnotherBase: an increment does not belong to ``base``.
    """
    ordered = sorted(increments, key=lambda increment: increment.concept)
    for increment in ordered:
        check_base(increment, base, increment.concept)
    images = draw(base, [request.prompt] * request.count, request, ordered, on_step)
    return [Picture(image, make_record(base, request, applied(ordered), row=row)) for row, image in enumerate(images)]


def generate_each(
    base: DiffusionModel, prompts: Sequence[str], request: PictureRequest, increments: Sequence[Increment] = ()
) -> list[Picture]:
    """As `generate`, with a prompt of its own for each picture; ``request`` says everything else."""
    ordered = sorted(increments, key=lambda increment: increment.concept)
    asked = replace(request, count=len(prompts))
    return [
        Picture(image, make_record(base, replace(asked, prompt=prompt), applied(ordered), row=row))
        for row, (image, prompt) in enumerate(zip(draw(base, prompts, asked, ordered), prompts, strict=True))
    ]


def draw(
    base: DiffusionModel,
    prompts: Sequence[str],
    request: PictureRequest,
    increments: Sequence[Increment] = (),
    on_step: OnStep = lambda _step, _of: None,
) -> list[Image.Image]:
    """One picture a prompt in one batch, picture j with seed + j; everything else as ``request`` says."""
    images: list[Image.Image] = run_pipeline(base, prompts, request, increments, on_step, output_type="pil")
    return images


def draw_latents(
    base: DiffusionModel, prompts: Sequence[str], request: PictureRequest, mask: Sequence[Factors] = ()
) -> torch.Tensor:
    """The latents under a mask, undecoded, of one picture a prompt: (prompts, channels, height, width)."""
    latents: torch.Tensor = run_pipeline(base, prompts, request, mask, lambda _step, _of: None, output_type="latent")
    return latents


@torch.no_grad()
def decode(base: DiffusionModel, latents: torch.Tensor) -> list[Image.Image]:
    """The pictures of latents (pictures, channels, height, width), as the pipeline ends with them."""
    pipeline = make_pipeline(base, DECODING_SCHEDULER)
    decoded = base.autoencoder.decode(latents / base.autoencoder.config.scaling_factor, return_dict=False)[0]
    images: list[Image.Image] = pipeline.image_processor.postprocess(decoded, output_type="pil")
    return images


@torch.no_grad()
def run_pipeline(
    base: DiffusionModel,
    prompts: Sequence[str],
    request: PictureRequest,
    increments: Sequence[Factors],
    on_step: OnStep,
    output_type: str,
) -> Any:
    """The stock pipeline on given K and V: the negative prompts' rows first, as the pipeline stacks them."""
    guided = request.guidance_scale > 1
    negatives = [request.negative_prompt] * len(prompts) if guided else []
    texts = [*negatives, *prompts]
    embeddings = torch.cat([embed(base, part) for part in (negatives, prompts) if part])
    given = keys_and_values(base.unet, embeddings, increments, [row for row, text in enumerate(texts) if text])

    def step_done(_pipeline: Any, step: int, _time: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        on_step(step + 1, request.steps)
        return tensors

    return make_pipeline(base, request.scheduler)(
        prompt_embeds=embeddings[len(negatives) :],
        negative_prompt_embeds=embeddings[: len(negatives)] if guided else None,
        num_inference_steps=request.steps,
        guidance_scale=request.guidance_scale,
        width=request.width,
        height=request.height,
        generator=[torch.Generator().manual_seed(request.seed + row) for row in range(len(prompts))],
        cross_attention_kwargs={"given": given},
        callback_on_step_end=step_done,
        output_type=output_type,
    ).images


def make_pipeline(base: DiffusionModel, scheduler: str) -> StableDiffusionPipeline:
    """A pipeline of the base's parts with a scheduler of its own; costs nothing, and shares no state."""
    pipeline = StableDiffusionPipeline(
        vae=base.autoencoder,
        text_encoder=base.text_encoder,
        tokenizer=base.tokenizer,
        unet=base.unet,
        scheduler=make_scheduler(scheduler, base.scheduler),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline
