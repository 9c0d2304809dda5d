import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import text

from sepme_core.documents.answers import Capacity
from sepme_core.erasure import measure_capacity
from sepme_core.provenance.identity import open_identity
from sepme_core.registry import protected, serving
from sepme_core.registry.database import reading, writing
from tests.sepme.processes import until
from tests.worker.processes import another
from worker.heartbeat import Heartbeat
from worker.process import WorkerProcess


def seen(worker: WorkerProcess) -> Sequence[tuple[str, str]]:
    with reading(worker.engine) as session:
        return [(worker.name, worker.queue) for worker in serving.workers(session)]


def held(worker: WorkerProcess) -> int:
    with reading(worker.engine) as session:
        return sum(each.conditioning_bytes for each in serving.workers(session))


def seen_at(worker: WorkerProcess) -> datetime:
    with reading(worker.engine) as session:
        return max(each.seen_at for each in serving.workers(session))


def model(worker: WorkerProcess) -> Any:
    with reading(worker.engine) as session:
        return serving.current_model(session) or {}


def protect(worker: WorkerProcess, name: str, prompt: str) -> None:
    with writing(worker.engine) as session:
        protected.put(session, name, [prompt], "tests")


def test_a_worker_is_seen_while_it_lives_and_withdrawn_at_its_end(worker: WorkerProcess) -> None:
    heartbeat = Heartbeat(worker)
    heartbeat.start()
    until(lambda: seen(worker) == [(worker.name, "erase")])
    until(lambda: "capacity" in model(worker))
    assert model(worker)["base_digest"] == worker.base.digest
    assert model(worker)["signing"] == {"pictures": "required", "keyid": open_identity(worker.settings).keyid}
    heartbeat.stop()
    assert seen(worker) == []


def counted(worker: WorkerProcess) -> tuple[int, int]:
    with reading(worker.engine) as session:
        of_queue = serving.conditioning_counts(session).get(worker.queue)
    return (of_queue.hits, of_queue.misses) if of_queue else (0, 0)


def test_what_prompts_hit_and_missed_is_told_once_with_what_is_kept_of_them(worker: WorkerProcess) -> None:
    empty = worker.masks.get([])
    heartbeat = Heartbeat(worker, beat_seconds=0.05)
    heartbeat.start()
    try:
        for text in ("a cat", "a fox", "a cat"):
            worker.conditioner.condition(text, empty)
        until(lambda: counted(worker) == (1, 2))
        until(lambda: held(worker) == worker.conditioner.held_bytes > 0)
        told = seen_at(worker)
        until(lambda: seen_at(worker) > told)
        assert counted(worker) == (1, 2), "a beat adds what is new"
    finally:
        heartbeat.stop()
    assert counted(worker) == (1, 2), "nor does the end"


def test_what_prompts_hit_and_missed_after_the_last_beat_is_told_at_the_end(worker: WorkerProcess) -> None:
    heartbeat = Heartbeat(worker, beat_seconds=600)
    heartbeat.start()
    until(lambda: seen(worker) != [])
    worker.conditioner.condition("a cat", worker.masks.get([]))
    heartbeat.stop()
    assert counted(worker) == (0, 1)
    successor = another(worker, "successor")
    heartbeat = Heartbeat(successor, beat_seconds=600)
    heartbeat.start()
    until(lambda: seen(worker) != [])
    successor.conditioner.condition("a cat", successor.masks.get([]))
    heartbeat.stop()
    assert counted(worker) == (0, 2), "a worker that follows goes on from there"


def test_the_capacity_that_is_announced_falls_when_prompts_are_protected(worker: WorkerProcess) -> None:
    heartbeat = Heartbeat(worker, beat_seconds=0.05)
    heartbeat.start()
    try:
        until(lambda: "capacity" in model(worker))
        before = model(worker)["capacity"]
        assert before["left"] == before["directions"]
        protect(worker, "our-mascot", "a penguin with an umbrella")
        until(lambda: model(worker)["capacity"]["left"] < before["left"])
    finally:
        heartbeat.stop()


def test_one_worker_of_several_measures_what_a_change_leaves_and_the_next_one_when_it_ends(
    worker: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = []

    def counted(*asked: Any) -> Capacity:
        measured.append(threading.current_thread())
        return measure_capacity(*asked)

    monkeypatch.setattr("worker.heartbeat.measure_capacity", counted)
    beats = [Heartbeat(replace(worker, name=name), beat_seconds=0.05) for name in ("first", "second")]
    for heartbeat in beats:
        heartbeat.start()
    try:
        until(lambda: len(set(measured)) == 2)  # each says what it serves when it comes up
        until(lambda: all(heartbeat._settled for heartbeat in beats))
        whole = model(worker)["capacity"]["left"]
        protect(worker, "our-mascot", "a penguin with an umbrella")
        until(lambda: model(worker)["capacity"]["left"] < whole)
        assert len(measured) == 3
        less = model(worker)["capacity"]["left"]
        beats.pop(0).stop()
        protect(worker, "our-logo", "a crown made of neon light")
        until(lambda: model(worker)["capacity"]["left"] < less)
        assert measured[-1] is not measured[2]
    finally:
        for heartbeat in beats:
            heartbeat.stop()


def test_a_database_that_fails_for_a_while_does_not_end_the_heartbeat(worker: WorkerProcess) -> None:
    with writing(worker.engine) as session:
        session.execute(text("ALTER TABLE workers RENAME TO elsewhere"))
    heartbeat = Heartbeat(worker, beat_seconds=0.05)
    heartbeat.start()
    try:
        with writing(worker.engine) as session:
            session.execute(text("ALTER TABLE elsewhere RENAME TO workers"))
        until(lambda: seen(worker) == [(worker.name, "erase")])
    finally:
        heartbeat.stop()


def test_no_error_ends_the_heartbeat_and_measuring_does_not_hold_it_up(
    worker: WorkerProcess, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    measuring, measured = threading.Event(), threading.Event()

    def slow_and_wrong(*_asked: Any) -> dict[str, int]:
        measuring.set()
        assert measured.wait(20)
        raise ZeroDivisionError("nothing is left")

    monkeypatch.setattr("worker.heartbeat.measure_capacity", slow_and_wrong)
    heartbeat = Heartbeat(worker, beat_seconds=0.05)
    heartbeat.start()
    try:
        assert measuring.wait(20)
        with writing(worker.engine) as session:
            session.execute(text("DELETE FROM workers"))
        until(lambda: seen(worker) == [(worker.name, "erase")])
        measured.set()
        until(lambda: "The capacity of this worker could not be told (2 times by now): nothing is left" in caplog.text)
        monkeypatch.undo()
        until(lambda: "capacity" in model(worker))
    finally:
        measured.set()
        heartbeat.stop()


def test_a_change_while_a_later_worker_comes_up_is_not_written_over_for_long(
    worker: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Heartbeat(replace(worker, name="first"), beat_seconds=0.05)
    second = Heartbeat(replace(worker, name="second"), beat_seconds=0.05)
    first.start()
    until(lambda: "capacity" in model(worker))
    whole = model(worker)["capacity"]["left"]
    changed = threading.Event()

    def slow(*asked: Any) -> Capacity:
        measured = measure_capacity(*asked)
        if not changed.is_set() and threading.current_thread().name.startswith("measuring of second"):
            protect(worker, "our-mascot", "a penguin with an umbrella")
            until(lambda: model(worker)["capacity"]["left"] < whole)
            changed.set()
        return measured

    monkeypatch.setattr("worker.heartbeat.measure_capacity", slow)
    second.start()
    try:
        until(changed.is_set)
        until(lambda: second._settled)
        assert model(worker)["capacity"]["left"] < whole
    finally:
        first.stop()
        second.stop()
