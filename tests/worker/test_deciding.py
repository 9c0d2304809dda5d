"""Newcomers that are close to each other are decided in the order in which they were accepted."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from sepme_core.registry import concepts, jobs
from sepme_core.registry.database import writing
from tests.sepme.processes import until
from tests.worker.processes import answer, queued, work_off
from tests.worker.rows import accepted_erasure, claimed, events, problem, row, run_out, versions
from worker import deciding
from worker.process import WorkerProcess


@dataclass(frozen=True)
class Two:
    """The jobs of two names for one thing; another worker holds the one that came first."""

    earlier: jobs.Claim
    later: str


@pytest.fixture
def two(worker: WorkerProcess) -> Two:
    earlier = accepted_erasure(worker.engine, "cat")
    return Two(claimed(worker.engine, earlier), accepted_erasure(worker.engine, "a-cat", prompts=["a cat"]))


@contextmanager
def waiting(worker: WorkerProcess, two: Two) -> Iterator[None]:
    """A ring for the later one, answered in another thread, for the time of a block that begins once it waits."""
    answering = threading.Thread(target=answer, args=(worker, two.later))
    answering.start()
    try:
        until(lambda: "waiting until it is decided on cat" in said(worker, two.later), seconds=60)
        yield
    finally:
        answering.join(timeout=60)
        assert not answering.is_alive()


def said(worker: WorkerProcess, job_id: str) -> str:
    return " ".join(str(event.data.get("message")) for event in events(worker.engine, job_id))


@pytest.mark.slow
def test_what_is_close_to_an_earlier_one_gives_way_where_that_is_to_be_done_anew_and_is_decided_after_it(
    worker: WorkerProcess, two: Two
) -> None:
    with waiting(worker, two), writing(worker.engine) as session:
        assert jobs.release(session, two.earlier)
    later = row(worker.engine, two.later)
    assert (later.state, later.losses, later.problem) == ("queued", 0, None)
    assert queued(worker) == {two.earlier.job_id, two.later}
    work_off(worker)
    assert row(worker.engine, two.earlier.job_id).state == "succeeded"
    assert problem(worker.engine, two.later)["same_as"] == "cat"
    assert row(worker.engine, two.later).losses == 0


def test_it_does_not_wait_for_ever_for_an_earlier_one_whose_worker_is_gone(
    worker: WorkerProcess, two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deciding, "PATIENCE_SECONDS", 0.3)
    run_out(worker.engine, two.earlier.job_id)
    began = time.monotonic()
    answer(worker, two.later)
    assert time.monotonic() - began < 30
    later = row(worker.engine, two.later)
    assert (later.state, later.losses) == ("queued", 0)
    assert two.later in queued(worker)
    assert claimed(worker.engine, two.earlier.job_id).attempt == 2, "the worker is free to take the other over"


@pytest.mark.parametrize("call_off", ["cancelled", "restored"])
def test_what_waits_for_another_can_be_called_off(worker: WorkerProcess, two: Two, call_off: str) -> None:
    with waiting(worker, two), writing(worker.engine) as session:
        if call_off == "cancelled":
            jobs.request_cancel(session, two.later)
        else:
            concepts.restore(session, "a-cat", "tests")
    assert row(worker.engine, two.later).state == "cancelled"
    assert row(worker.engine, two.earlier.job_id).state == "running"


def test_an_earlier_one_that_is_not_close_is_not_waited_for(worker: WorkerProcess, two: Two) -> None:
    job_id = accepted_erasure(worker.engine, "fish")
    with writing(worker.engine) as session:
        jobs.request_cancel(session, two.later)
    answer(worker, job_id)
    assert row(worker.engine, job_id).state == "succeeded", row(worker.engine, job_id).problem
    (fish,) = versions(worker.engine, "fish")
    assert [known["name"] for known in fish.pinned["known"]] == ["cat"]
    assert "waiting" not in said(worker, job_id)
