"""Pictures under a mask: the stock diffusers pipeline, run on given K and V."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from io import BytesIO
from typing import Any

import torch
from diffusers import StableDiffusionPipeline
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from sepme_core.documents.pictures import PictureRecordDocument
from sepme_core.increments.increment import Increment, check_base
from sepme_core.models.cross_attention import Factors, keys_and_values
from sepme_core.models.model import DiffusionModel
from sepme_core.models.prompts import embed, warnings_of
from sepme_core.models.schedulers import make_scheduler

OnStep = Callable[[int, int], None]
RECORD_ENTRY = "sepme"
DECODING_SCHEDULER = "ddim"  # the pipeline wants one; decoding does not use it
LIBRARIES = {name: version(name) for name in ("torch", "diffusers", "transformers")}  # slow to look up


@dataclass(frozen=True)
class PictureRequest:
    """What to draw. Picture j of ``count`` uses seed + j."""

    prompt: str
    negative_prompt: str = ""
    seed: int = 0
    count: int = 1
    steps: int = 25
    guidance_scale: float = 7.5
    width: int = 512
    height: int = 512
    scheduler: str = "ddim"


@dataclass(frozen=True)
class Picture:
    """One picture and the record by which it can be made again."""

    image: Image.Image
    record: PictureRecordDocument

    @property
    def seed(self) -> int:
        """The seed of its noise."""
        return int(self.record["seed"])

    @property
    def row(self) -> int:
        """Its place in the batch."""
        return int(self.record["row"])

    @property
    def batch_size(self) -> int:
        """How many pictures were made together."""
        return int(self.record["batch_size"])

    @property
    def width(self) -> int:
        """In pixels."""
        return self.image.width

    @property
    def height(self) -> int:
        """In pixels."""
        return self.image.height

    @property
    def sha256(self) -> str:
        """Of the raw pixels, as RGB bytes."""
        return pixel_digest(self.image)

    def to_png(self) -> bytes:
        """The picture as PNG, with its record as a text chunk."""
        text = PngInfo()
        text.add_text(RECORD_ENTRY, json.dumps(self.record, sort_keys=True))
        out = BytesIO()
        self.image.save(out, "PNG", pnginfo=text)
        return out.getvalue()


def pixel_digest(image: Image.Image) -> str:
    """The sha256 of a picture's raw pixels, RGB, row by row."""
    return hashlib.sha256(image.convert("RGB").tobytes()).hexdigest()


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
    return [Picture(image, make_record(base, request, ordered, row=row)) for row, image in enumerate(images)]


def generate_each(
    base: DiffusionModel, prompts: Sequence[str], request: PictureRequest, increments: Sequence[Increment] = ()
) -> list[Picture]:
    """As `generate`, with a prompt of its own for each picture; ``request`` says everything else."""
    ordered = sorted(increments, key=lambda increment: increment.concept)
    asked = replace(request, count=len(prompts))
    return [
        Picture(image, make_record(base, replace(asked, prompt=prompt), ordered, row=row))
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


def make_record(
    base: DiffusionModel, request: PictureRequest, increments: Sequence[Increment], *, row: int
) -> PictureRecordDocument:
    """All that a picture needs to be made again, and what it was drawn without although it was asked for."""
    warnings = warnings_of(base, request.prompt, request.negative_prompt)
    record: PictureRecordDocument = {
        "prompt": request.prompt,
        "negative_prompt": request.negative_prompt,
        "seed": request.seed + row,
        "row": row,
        "batch_size": request.count,
        "steps": request.steps,
        "guidance_scale": request.guidance_scale,
        "width": request.width,
        "height": request.height,
        "scheduler": request.scheduler,
        "base_digest": base.digest,
        "autoencoder_digest": base.autoencoder_digest,
        "increments": [{"concept": each.concept, "digest": each.digest} for each in increments],
        "device": base.device.type,
        "threads": torch.get_num_threads(),
        "dtype": str(base.dtype).removeprefix("torch."),
        "libraries": dict(LIBRARIES),
    }
    return {"warnings": warnings, **record} if warnings else record
