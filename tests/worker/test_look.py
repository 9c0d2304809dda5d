"""What a worker does that hears the word to look."""

import importlib
from dataclasses import replace

import pytest

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
