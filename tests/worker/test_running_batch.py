"""Pictures of many requests in one running batch: they join, leave and end each in its own way."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from sepme_core.drawing.batch import Batch, Row
from sepme_core.drawing.draw import generate as draw
from sepme_core.drawing.request import PictureRequest
from sepme_core.registry import jobs
from sepme_core.registry.database import reading, writing
from sepme_core.registry.tables import Image
from tests.worker.masks import asked_for, publish, random_increment
from tests.worker.processes import queued, work_off
from tests.worker.rows import claimed, problem, row, run_out
from worker import work
from worker.process import WorkerProcess

STEPS = 6


@pytest.fixture
def drawer(worker: WorkerProcess) -> WorkerProcess:
    """A worker of the queue of pictures."""
    return replace(worker, queue="generate")


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[list[Row]]:
    """The rows that were denoised together, step by step."""
    seen: list[list[Row]] = []
    step = Batch.step

    def counted(batch: Batch) -> object:
        seen.append(list(batch.rows))
        return step(batch)

    monkeypatch.setattr(Batch, "step", counted)
    return seen


def at_step(monkeypatch: pytest.MonkeyPatch, number: int, happens: Callable[[], object]) -> None:
    """Let something happen before a step, counted from 1."""
    step, counter = Batch.step, iter(range(1, 10_000))

    def interrupted(batch: Batch) -> object:
        if next(counter) == number:
            happens()
        return step(batch)

    monkeypatch.setattr(Batch, "step", interrupted)


def states(worker: WorkerProcess, job_ids: list[str]) -> list[str]:
    return [row(worker.engine, job_id).state for job_id in job_ids]


def pictures(worker: WorkerProcess, job_id: str) -> list[Image]:
    with reading(worker.engine) as session:
        return [session.get_one(Image, each["id"]) for each in (row(worker.engine, job_id).result or {})["images"]]


def test_requests_with_masks_prompts_and_steps_of_their_own_share_a_batch(
    drawer: WorkerProcess, sizes: list[list[Row]]
) -> None:
    publish(drawer, random_increment(drawer.base, "fox"))
    asked = [
        asked_for(drawer, ["fox"], steps=STEPS),
        asked_for(drawer, [], steps=STEPS + 4, prompt="a fish", guidance_scale=7.0),
        asked_for(drawer, [], steps=STEPS, scheduler="euler-ancestral", negative_prompt="a heart", seed=1),
    ]
    assert work.do_next(drawer, lambda: None)
    assert states(drawer, asked) == ["succeeded"] * 3
    assert max(map(len, sizes)) == 3
    assert len(sizes) < 3 * STEPS


def test_a_picture_that_is_asked_for_alone_is_drawn_alone(drawer: WorkerProcess) -> None:
    job_id = asked_for(drawer, [], steps=STEPS)
    work_off(drawer)
    request = PictureRequest("a cat", seed=7, steps=STEPS, guidance_scale=4.0, width=64, height=64)
    assert [each.sha256 for each in pictures(drawer, job_id)] == [draw(drawer.base, request)[0].sha256]


def test_no_more_are_claimed_than_double_what_is_under_way(drawer: WorkerProcess) -> None:
    """An idle worker gets its share: each claim passes the word on."""
    job_ids, waiting = [asked_for(drawer, [], steps=STEPS) for _ in range(7)], list[int]()
    assert work.do_next(drawer, lambda: waiting.append(len(queued(drawer))))
    assert waiting == [6, 5, 4, 3, 2, 1]
    assert states(drawer, job_ids) == ["succeeded"] * 7


def test_a_full_batch_claims_nothing_until_one_leaves(drawer: WorkerProcess, sizes: list[list[Row]]) -> None:
    small = replace(drawer, settings=drawer.settings.model_copy(update={"batch_pictures": 2}))
    job_ids = [asked_for(drawer, [], steps=steps) for steps in (3, 9, 3)]
    work_off(small)
    assert states(drawer, job_ids) == ["succeeded"] * 3
    assert max(map(len, sizes)) == 2


def test_more_pictures_than_fit_are_drawn_a_part_at_a_time_and_published_as_one(
    drawer: WorkerProcess, sizes: list[list[Row]]
) -> None:
    pixels = drawer.settings.model_copy(update={"batch_pixels": 4 * 64 * 64})
    job_id = asked_for(drawer, [], count=6, steps=3)
    work_off(replace(drawer, settings=pixels))
    assert [each.seed for each in pictures(drawer, job_id)] == [7, 8, 9, 10, 11, 12]
    assert max(map(len, sizes)) == 4


def test_guided_and_unguided_ones_take_turns_and_neither_waits_for_the_other(
    drawer: WorkerProcess, sizes: list[list[Row]]
) -> None:
    job_ids = [asked_for(drawer, [], steps=STEPS, guidance_scale=scale) for scale in (4.0, 1.0)]
    work_off(drawer)
    assert states(drawer, job_ids) == ["succeeded"] * 2
    guided = [len(rows[0].conditions) == 2 for rows in sizes]
    assert guided == [True, *[True, False] * (STEPS - 1), False]


def test_a_cancel_takes_one_out_and_leaves_the_others(drawer: WorkerProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.running_batch.LOOK_AFTER_SECONDS", 0.0)
    staying, leaving = asked_for(drawer, [], steps=12), asked_for(drawer, [], steps=200)

    def cancel() -> None:
        with writing(drawer.engine) as session:
            jobs.request_cancel(session, leaving)

    at_step(monkeypatch, 5, cancel)
    work_off(drawer)
    assert states(drawer, [staying, leaving]) == ["succeeded", "cancelled"]
    assert (row(drawer.engine, leaving).step or 0) < 12


def test_a_lost_lease_takes_one_out_and_leaves_the_others(
    drawer: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.running_batch.LOOK_AFTER_SECONDS", 0.0)
    staying, lost = asked_for(drawer, [], steps=12), asked_for(drawer, [], steps=200)

    def lose() -> None:
        run_out(drawer.engine, lost)
        claimed(drawer.engine, lost, lease_seconds=600)

    at_step(monkeypatch, 5, lose)
    work_off(drawer)
    assert states(drawer, [staying, lost]) == ["succeeded", "running"]
    assert row(drawer.engine, lost).attempt == 2


def test_a_worker_whose_time_is_up_puts_all_back_uncounted(
    drawer: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_ids = [asked_for(drawer, [], steps=200) for _ in range(3)]
    monkeypatch.setattr(drawer.drain, "_seconds", 0.0)
    at_step(monkeypatch, 5, drawer.drain.begin)
    assert work.do_next(drawer, lambda: None)
    assert [(each.state, each.losses, each.worker) for each in (row(drawer.engine, job) for job in job_ids)] == [
        ("queued", 0, None)
    ] * 3


def test_what_is_under_way_ends_in_the_time_that_a_stopping_worker_has_and_nothing_joins(
    drawer: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = asked_for(drawer, [], steps=STEPS)
    late: list[str] = []

    def stop() -> None:
        drawer.drain.begin()
        late.append(asked_for(drawer, []))

    at_step(monkeypatch, 2, stop)
    assert work.do_next(drawer, lambda: None)
    assert states(drawer, [first, *late]) == ["succeeded", "queued"]


def test_what_lost_its_worker_before_is_drawn_by_itself(drawer: WorkerProcess, sizes: list[list[Row]]) -> None:
    """It may be what its worker died of: others are not to die with it."""
    fresh, lost, late = (asked_for(drawer, [], steps=STEPS, seed=seed) for seed in (1, 2, 3))
    claimed(drawer.engine, lost)
    run_out(drawer.engine, lost)
    work_off(drawer)
    assert states(drawer, [fresh, lost, late]) == ["succeeded"] * 3
    assert row(drawer.engine, lost).losses == 1
    together = {frozenset(each.request.seed for each in rows) for rows in sizes}
    assert {seeds for seeds in together if 2 in seeds} == {frozenset({2})}


def failing(monkeypatch: pytest.MonkeyPatch, drawer: WorkerProcess, error: Exception, most: int) -> None:
    """Let the U-Net fail where more rows come than so many."""
    forward = type(drawer.base.unet).forward

    def short(unet: torch.nn.Module, sample: torch.Tensor, *further: object, **named: object) -> object:
        if len(sample) > most:
            raise error
        return forward(unet, sample, *further, **named)

    monkeypatch.setattr(type(drawer.base.unet), "forward", short)


def test_a_batch_that_does_not_fit_is_split_and_every_request_is_served(
    drawer: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, drawer, torch.OutOfMemoryError("CUDA out of memory."), most=4)
    job_ids = [asked_for(drawer, [], steps=STEPS) for _ in range(5)]
    work_off(drawer)
    assert states(drawer, job_ids) == ["succeeded"] * 5
    assert max(span["size"] for job in job_ids for span in pictures(drawer, job)[0].record["batches"]) == 2


def test_one_picture_that_does_not_fit_fails_with_the_numbers(
    drawer: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, drawer, torch.OutOfMemoryError("CUDA out of memory."), most=1)
    large, small = asked_for(drawer, [], steps=STEPS), asked_for(drawer, [], steps=STEPS, guidance_scale=1.0)
    work_off(drawer)
    refused = problem(drawer.engine, large)
    assert (refused["type"], refused["status"]) == ("out-of-memory", 507)
    assert (refused["width"], refused["height"]) == (64, 64)
    assert 0 < refused["free_bytes"] < refused["total_bytes"]
    assert row(drawer.engine, small).state == "succeeded"


@pytest.fixture
def poisoned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests with the seed 666 make the U-Net fail, whoever is beside them."""
    scaled = Row.scaled

    def bad(self: Row) -> torch.Tensor:
        latents = scaled(self)
        return latents[:, :1] if self.request.seed == 666 else latents

    monkeypatch.setattr(Row, "scaled", bad)


@pytest.mark.usefixtures("poisoned")
def test_a_request_that_breaks_the_model_fails_by_itself(drawer: WorkerProcess) -> None:
    job_ids = [asked_for(drawer, [], steps=STEPS, seed=seed) for seed in (1, 666, 2, 3)]
    work_off(drawer)
    assert states(drawer, job_ids) == ["succeeded", "failed", "succeeded", "succeeded"]
    assert problem(drawer.engine, job_ids[1])["type"] == "internal-error"
