"""What a worker does that hears the word to look."""

import importlib
import threading
from dataclasses import replace

import pytest

from sepme_core.drawing.batch import Batch, Failed
from tests.worker.masks import asked_for
from tests.worker.rows import row
from worker.process import WorkerProcess


def test_one_word_to_look_is_enough_for_all_that_waits(
    worker: WorkerProcess, broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEPME_BROKER_URL", broker_url)
    application = importlib.import_module("worker.application")
    monkeypatch.setattr(application.started, "worker", replace(worker, queue="generate"))
    job_ids = [asked_for(worker, []) for _ in range(3)]
    application.look()
    application.started.preparation.stop()
    assert [row(worker.engine, job_id).state for job_id in job_ids] == ["succeeded"] * 3


def test_whoever_takes_the_word_the_model_works_in_one_thread(
    worker: WorkerProcess, broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That which it is loaded in: a second one halves the speed of PyTorch's builds for CPUs."""
    monkeypatch.setenv("SEPME_BROKER_URL", broker_url)
    application = importlib.import_module("worker.application")
    monkeypatch.setattr(application.started, "worker", replace(worker, queue="generate"))
    step, seen = Batch.step, set[int]()

    def watched(batch: Batch) -> list[Failed]:
        seen.add(threading.get_ident())
        return step(batch)

    monkeypatch.setattr(Batch, "step", watched)
    for _ in range(2):
        job_id = asked_for(worker, [])
        taking = threading.Thread(target=application.look)
        taking.start()
        taking.join()
        assert row(worker.engine, job_id).state == "succeeded"
    application.started.preparation.stop()
    assert seen == {application.started.model_thread.submit(threading.get_ident).result()}
