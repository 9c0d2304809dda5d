"""Pictures denoised together: the pixels of each are those that its batches' sizes give it."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from diffusers import StableDiffusionPipeline
from hypothesis import given, settings
from hypothesis import strategies as st

from sepme_core.demo import MODEL_FOLDER
from sepme_core.drawing.batch import SIZES, Batch, Row, begin, largest_size, shape_of, size_for
from sepme_core.drawing.conditioning import Conditioner
from sepme_core.drawing.request import PictureRequest, pixel_digest
from sepme_core.increments.mask import Mask, make_mask
from sepme_core.models.model import DiffusionModel
from sepme_core.models.schedulers import SCHEDULERS, make_scheduler
from tests.sepme_core.increments.random import random_increment
from tests.sepme_core.stock import stock_pipeline

REQUEST = PictureRequest("a cat in ink style", seed=3, steps=6, guidance_scale=4.0, width=64, height=64)
NAMES = ("cat", "ink", "fish")


@pytest.fixture(scope="module")
def conditioner(base: DiffusionModel) -> Conditioner:
    return Conditioner(base)


@pytest.fixture(scope="module")
def stock() -> StableDiffusionPipeline:
    return stock_pipeline(MODEL_FOLDER)


def mask_of(base: DiffusionModel, names: Sequence[str] = ()) -> Mask:
    return make_mask(base, [random_increment(base, name, seed=len(name)) for name in names])


def finish(batch: Batch) -> None:
    """Denoise until all are drawn; those that are leave."""
    while batch.rows:
        assert batch.step() == []
        batch.rows = [row for row in batch.rows if not row.drawn]


def drawn_alone(base: DiffusionModel, conditioner: Conditioner, request: PictureRequest, mask: Mask) -> list[str]:
    rows = begin(base, conditioner, request, mask)
    finish(Batch(base, rows=list(rows)))
    return [row.picture(base).sha256 for row in rows]


@pytest.mark.parametrize("scheduler", sorted(SCHEDULERS))
@pytest.mark.parametrize("guidance_scale", [4.0, 1.0])
def test_a_picture_alone_is_the_stock_pipelines_to_the_bit(
    base: DiffusionModel,
    conditioner: Conditioner,
    stock: StableDiffusionPipeline,
    scheduler: str,
    guidance_scale: float,
) -> None:
    request = replace(REQUEST, scheduler=scheduler, guidance_scale=guidance_scale, negative_prompt="a heart")
    stock.scheduler = make_scheduler(scheduler, base.scheduler)
    drawn = stock(
        request.prompt,
        negative_prompt=request.negative_prompt,
        num_inference_steps=request.steps,
        guidance_scale=guidance_scale,
        width=64,
        height=64,
        generator=torch.Generator().manual_seed(request.seed),
    ).images[0]
    assert drawn_alone(base, conditioner, request, mask_of(base)) == [pixel_digest(drawn)]


ASKED = st.builds(
    PictureRequest,
    prompt=st.sampled_from(["a cat in ink style", "a fish", "", "a cat and a fish"]),
    negative_prompt=st.sampled_from(["", "a heart"]),
    seed=st.integers(0, 5),
    count=st.integers(1, 3),
    steps=st.integers(3, 5),
    guidance_scale=st.sampled_from([1.5, 4.0, 7.3]),
    width=st.just(64),
    height=st.just(64),
    scheduler=st.sampled_from(["ddim", "euler-ancestral", "dpm-solver", "unipc"]),
)


JOINING = st.lists(
    st.tuples(ASKED, st.lists(st.sampled_from(NAMES), unique=True), st.integers(0, 4)), min_size=2, max_size=5
)


def test_a_picture_has_the_pixels_that_batches_of_its_sizes_give_it_whoever_joins_and_leaves(
    base: DiffusionModel, conditioner: Conditioner
) -> None:
    """Each joins some steps after the one before; its replay is denoised by itself in batches of the same sizes."""

    @settings(max_examples=8, deadline=None)
    @given(asked=JOINING)
    def check(asked: list[tuple[PictureRequest, list[str], int]]) -> None:
        batch, rows = Batch(base), list[Row]()
        for request, names, wait in asked:
            for _ in range(wait if batch.rows else 0):
                assert batch.step() == []
                batch.rows = [row for row in batch.rows if not row.drawn]
            joining = begin(base, conditioner, request, mask_of(base, names))
            batch.rows += joining
            rows += joining
        finish(batch)
        for row in rows[:: max(len(rows) // 2, 1)]:
            again = replace(row.request, seed=row.request.seed + row.place, count=1, batches=row.batches)
            assert drawn_alone(base, conditioner, again, row.mask) == [row.picture(base).sha256]

    check()


@pytest.mark.parametrize("size", SIZES)
def test_at_every_size_a_row_depends_neither_on_its_place_nor_on_the_others(
    base: DiffusionModel, conditioner: Conditioner, size: int
) -> None:
    rows = begin(base, conditioner, replace(REQUEST, count=16), mask_of(base, ["cat"]))
    (first,) = begin(base, conditioner, REQUEST, mask_of(base))
    answers = []
    for place in {0, size // 2, size - 1}:
        others: list[Row] = list(rows[: size - 1])
        others.insert(place, first)
        predicted = Batch(base)._predict(others, size)
        answers.append(predicted[:, place])
    assert all(torch.equal(answers[0], each) for each in answers)


def test_what_the_shape_forbids_makes_another_batch(base: DiffusionModel, conditioner: Conditioner) -> None:
    guided, unguided, again = (
        begin(base, conditioner, replace(REQUEST, guidance_scale=scale, seed=seed), mask_of(base))[0]
        for seed, scale in enumerate((4.0, 1.0, 7.5))
    )
    assert shape_of(guided) == shape_of(again) != shape_of(unguided)


def test_of_given_sizes_pictures_are_drawn_apart(base: DiffusionModel, conditioner: Conditioner) -> None:
    request = replace(REQUEST, batches=[{"size": 4, "steps": 2}, {"size": 1, "steps": 1}])
    (row,) = begin(base, conditioner, request, mask_of(base))
    (another,) = begin(base, conditioner, REQUEST, mask_of(base))
    assert shape_of(row) != shape_of(another)
    finish(Batch(base, rows=[row]))
    assert row.batches == [{"size": 4, "steps": 2}, {"size": 1, "steps": 4}]


def test_sizes_are_filled_up_and_split_to_those_there_are() -> None:
    assert [size_for(rows) for rows in (1, 2, 3, 5, 9, 13)] == [1, 2, 4, 8, 12, 16]
    assert [largest_size(rows) for rows in (1, 3, 7, 11, 15, 99)] == [1, 2, 4, 8, 12, 16]


class Short:
    """A U-Net on a device that has memory for so many rows."""

    def __init__(self, unet: torch.nn.Module, most: int) -> None:
        self.unet, self.most, self.asked = unet, most, list[int]()
        self.config = unet.config

    def __call__(self, latents: torch.Tensor, *further: object, **named: object) -> object:
        self.asked.append(len(latents))
        if len(latents) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return self.unet(latents, *further, **named)

    def parameters(self) -> object:
        return self.unet.parameters()


def test_want_of_memory_splits_the_batch_and_goes_on(base: DiffusionModel, conditioner: Conditioner) -> None:
    rows = begin(base, conditioner, replace(REQUEST, count=8), mask_of(base))
    short = Short(base.unet, 4)
    finish(Batch(replace(base, unet=short), rows=list(rows)))
    assert rows[0].batches == [{"size": 2, "steps": 6}]
    assert short.asked[:3] == [16, 8, 4]
    assert 16 not in short.asked[1:]
    again = replace(REQUEST, batches=rows[0].batches)
    assert drawn_alone(base, conditioner, again, mask_of(base)) == [rows[0].picture(base).sha256]


def test_one_picture_that_does_not_fit_by_itself_fails_with_what_the_device_said(
    base: DiffusionModel, conditioner: Conditioner
) -> None:
    rows = begin(base, conditioner, replace(REQUEST, count=2), mask_of(base))
    batch = Batch(replace(base, unet=Short(base.unet, 1)), rows=list(rows))
    failed = batch.step()
    assert {each.row for each in failed} == set(rows)
    assert all(isinstance(each.error, torch.OutOfMemoryError) for each in failed)
    assert batch.rows == []


def test_a_picture_that_cannot_be_drawn_takes_no_other_with_it(base: DiffusionModel, conditioner: Conditioner) -> None:
    rows = begin(base, conditioner, replace(REQUEST, count=4), mask_of(base))
    rows[2].latents = rows[2].latents[:, :1]
    batch = Batch(base, rows=list(rows))
    assert [each.row for each in batch.step()] == [rows[2]]
    assert batch.rows == [rows[0], rows[1], rows[3]]
    assert [row.done for row in batch.rows] == [1, 1, 1]
