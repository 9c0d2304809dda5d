import json
from dataclasses import replace
from io import BytesIO

import pytest
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline
from PIL import Image

from sepme_core.demo import MODEL_FOLDER
from sepme_core.documents.pictures import RECORD_ENTRY
from sepme_core.drawing.draw import generate
from sepme_core.drawing.request import PictureRequest, pixel_digest
from sepme_core.increments.increment import IncrementForAnotherBase
from sepme_core.models.model import DiffusionModel
from sepme_core.models.schedulers import SCHEDULERS
from tests.sepme_core.increments.random import random_increment

REQUEST = PictureRequest("a cat in ink style", seed=3, steps=6, guidance_scale=4.0, width=64, height=64)


def stock_pictures(count: int, negative_prompt: str = "") -> list[str]:
    """Pixel digests that diffusers alone gives for REQUEST."""
    unchecked = {"safety_checker": None, "requires_safety_checker": False}
    pipeline = StableDiffusionPipeline.from_pretrained(str(MODEL_FOLDER), dtype=torch.float32, **unchecked)
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    images = pipeline(
        [REQUEST.prompt] * count,
        negative_prompt=[negative_prompt] * count,
        num_inference_steps=REQUEST.steps,
        guidance_scale=REQUEST.guidance_scale,
        width=64,
        height=64,
        generator=[torch.Generator().manual_seed(REQUEST.seed + row) for row in range(count)],
    ).images
    return [pixel_digest(image) for image in images]


@pytest.mark.parametrize("count", [1, 3])
def test_an_empty_mask_gives_the_stock_pipelines_pixels_straight_after_a_masked_request(
    base: DiffusionModel, count: int
) -> None:
    masked = generate(base, replace(REQUEST, count=count), [random_increment(base)])
    plain = generate(base, replace(REQUEST, count=count))
    assert [picture.sha256 for picture in plain] == stock_pictures(count)
    assert masked[0].sha256 != plain[0].sha256


def test_a_negative_prompt_is_the_stock_pipelines(base: DiffusionModel) -> None:
    request = replace(REQUEST, negative_prompt="a heart")
    assert [picture.sha256 for picture in generate(base, request)] == stock_pictures(1, "a heart")


def test_picture_j_uses_seed_plus_j(base: DiffusionModel) -> None:
    together = generate(base, replace(REQUEST, count=2))
    alone = generate(base, replace(REQUEST, seed=REQUEST.seed + 1))
    first, second = (torch.tensor(list(p.image.convert("L").tobytes())) for p in (together[1], alone[0]))
    assert (first - second).abs().max() <= 2  # up to rounding: another batch size


def test_a_mask_does_not_depend_on_the_order_of_its_increments(base: DiffusionModel) -> None:
    increments = [random_increment(base, name, seed=seed) for seed, name in enumerate(("cat", "ink", "fish"))]
    forward, backward = generate(base, REQUEST, increments), generate(base, REQUEST, increments[::-1])
    assert forward[0].sha256 == backward[0].sha256


def test_the_png_carries_its_record_and_its_pixels(base: DiffusionModel) -> None:
    (picture,) = generate(base, REQUEST, [random_increment(base)])
    read = Image.open(BytesIO(picture.to_png()))
    assert pixel_digest(read) == picture.sha256
    record = json.loads(read.info[RECORD_ENTRY])
    assert record == picture.record
    assert record["increments"] == [{"concept": "cat", "digest": random_increment(base).digest}]


def test_every_step_is_reported_and_what_it_raises_ends_the_work(base: DiffusionModel) -> None:
    steps: list[tuple[int, int]] = []
    generate(base, REQUEST, on_step=lambda step, of: steps.append((step, of)))
    assert steps == [(step, 6) for step in range(1, 7)]

    def stop(step: int, _of: int) -> None:
        if step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(base, REQUEST, on_step=stop)


@pytest.mark.parametrize("scheduler", sorted(SCHEDULERS))
def test_every_scheduler_draws(base: DiffusionModel, scheduler: str) -> None:
    first, again = (generate(base, replace(REQUEST, scheduler=scheduler))[0].sha256 for _ in range(2))
    assert first == again


def test_an_increment_of_another_base_is_never_applied(base: DiffusionModel) -> None:
    with pytest.raises(IncrementForAnotherBase):
        generate(replace(base, digest="sha256:another"), REQUEST, [random_increment(base)])
