import errno
import logging
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest
from sqlalchemy.orm import Session

from sepme_core.documents.requests import ReprojectRequest
from sepme_core.drawing.batch import Row
from sepme_core.drawing.request import Picture
from sepme_core.erasure import ErasureCache
from sepme_core.models.model import DiffusionModel
from sepme_core.registry import jobs
from sepme_core.registry.blobs import FolderBlobs
from sepme_core.registry.database import make_engine, writing
from tests.worker.masks import asked_for, publish, random_increment
from tests.worker.processes import answer, queued, working
from tests.worker.rows import accepted_erasure, claimed, events, problem, row, run_out
from worker import work
from worker.lease import Drain
from worker.process import WorkerProcess
from worker.trouble import wait_out


def test_a_ring_makes_the_job_succeed_and_a_second_ring_does_nothing(worker: WorkerProcess) -> None:
    job_id = asked_for(worker, [])
    answer(worker, job_id)
    first = row(worker.engine, job_id)
    answer(worker, job_id)
    second = row(worker.engine, job_id)
    assert first.state == second.state == "succeeded"
    assert first.result == second.result
    assert second.attempt == 1


def test_rings_at_the_same_time_do_the_job_once(worker: WorkerProcess) -> None:
    job_id = asked_for(worker, [])
    rings = [threading.Thread(target=answer, args=(worker, job_id)) for _ in range(4)]
    for ring in rings:
        ring.start()
    for ring in rings:
        ring.join()
    assert (row(worker.engine, job_id).state, row(worker.engine, job_id).attempt) == ("succeeded", 1)


def test_a_ring_for_a_job_that_does_not_exist_does_nothing(worker: WorkerProcess) -> None:
    answer(worker, "no-such-job")


def test_a_ring_for_a_job_that_another_holds_leaves_it_to_the_other(worker: WorkerProcess) -> None:
    job_id = asked_for(worker, [])
    held = claimed(worker.engine, job_id)
    answer(worker, job_id)
    assert (row(worker.engine, job_id).state, row(worker.engine, job_id).attempt) == ("running", held.attempt)


def test_a_job_whose_worker_was_lost_is_done_at_the_next_ring(worker: WorkerProcess) -> None:
    job_id = asked_for(worker, [])
    claimed(worker.engine, job_id)
    run_out(worker.engine, job_id)
    answer(worker, job_id)
    assert (row(worker.engine, job_id).state, row(worker.engine, job_id).attempt) == ("succeeded", 2)


def test_a_refusal_is_stored_on_the_job(worker: WorkerProcess) -> None:
    digest = publish(worker, random_increment(worker.base, "fox"))
    job_id = asked_for(worker, ["fox"])
    worker.blobs.delete(digest)
    answer(worker, job_id)
    job = row(worker.engine, job_id)
    assert job.state == "failed"
    assert job.problem is not None
    assert job.problem["type"] == "/problems/increment-damaged"


def drawing(worker: WorkerProcess) -> WorkerProcess:
    """The same worker, for the other queue."""
    return replace(worker, queue="generate")


def test_a_look_does_one_job_after_the_other_and_passes_on_while_more_wait(worker: WorkerProcess) -> None:
    drawer, passed_on = drawing(worker), []
    job_ids = [asked_for(worker, []) for _ in range(3)]
    while work.do_next(drawer, lambda: passed_on.append(len(queued(worker)))):
        pass
    assert [row(worker.engine, job_id).state for job_id in job_ids] == ["succeeded"] * 3
    assert passed_on == [2, 1]


def test_a_worker_that_is_stopping_looks_no_more(worker: WorkerProcess) -> None:
    job_id = asked_for(worker, [])
    worker.drain.begin()
    assert not work.do_next(drawing(worker), lambda: None)
    assert (row(worker.engine, job_id).state, row(worker.engine, job_id).attempt) == ("queued", 0)


class FullDisk(FolderBlobs):
    """A folder on a disk that is full until somebody makes room."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.full = True

    def put(self, data: bytes) -> str:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().put(data)


def test_a_full_disk_puts_the_job_back_with_the_reason_until_there_is_room(
    worker: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.ending.pause_after", lambda troubles: 0.1 * troubles)
    disk = FullDisk(Path(worker.settings.blob_url.removeprefix("file://")))
    drawer, job_id = replace(drawing(worker), blobs=disk), asked_for(worker, [])
    for times in (1, 2):
        assert work.do_next(drawer, lambda: None)
        job = row(worker.engine, job_id)
        assert (job.state, job.troubles, job.losses, job.worker) == ("queued", times, 0, None)
    assert "put back: OSError: [Errno 28] No space left on device" in [
        event.data["message"] for event in events(worker.engine, job_id)
    ]
    disk.full = False
    assert work.do_next(drawer, lambda: None)
    assert row(worker.engine, job_id).state == "succeeded"


def test_the_pause_after_trouble_ends_where_the_disk_has_room_again(
    worker: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.ending.pause_after", lambda _troubles: 30.0)
    disk = FullDisk(Path(worker.settings.blob_url.removeprefix("file://")))
    drawer = replace(drawing(worker), blobs=disk)
    asked_for(worker, [])
    emptied = threading.Timer(1.5, lambda: setattr(disk, "full", False))
    emptied.start()
    began = time.monotonic()
    assert work.do_next(drawer, lambda: None)
    assert not disk.full
    assert time.monotonic() - began < 15


def test_what_a_trial_does_not_meet_is_not_tried_every_moment() -> None:
    began = time.monotonic()
    wait_out(Drain(0), 0.5, lambda: True)
    assert time.monotonic() - began >= 0.5


def test_trouble_that_does_not_end_ends_the_job_with_what_to_mend(
    worker: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.ending.MOST_PUT_BACK", 2)
    monkeypatch.setattr("worker.ending.pause_after", lambda _troubles: 0.0)
    disk = FullDisk(Path(worker.settings.blob_url.removeprefix("file://")))
    drawer, job_id = replace(drawing(worker), blobs=disk), asked_for(worker, [])
    for _ in range(3):
        assert work.do_next(drawer, lambda: None)
    refused = problem(worker.engine, job_id)
    assert (refused["type"], refused["status"]) == ("storage-unusable", 503)
    assert "No space left" in refused["detail"]


def test_a_database_that_is_locked_for_a_while_ends_no_job(
    worker: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than a writer waits for SQLite's lock: what was drawn is published once it is free."""
    impatient = make_engine(worker.settings.database_url, patience_seconds=0.3)
    drawer, job_id = replace(drawing(worker), engine=impatient), asked_for(worker, [])
    decode = Row.picture

    def locked_meanwhile(drawn: Row, base: DiffusionModel) -> Picture:
        picture = decode(drawn, base)
        holding.start()
        assert held.wait(10)
        return picture

    held = threading.Event()

    def hold() -> None:
        with writing(worker.engine):
            held.set()
            time.sleep(3.0)

    holding = threading.Thread(target=hold)
    monkeypatch.setattr(Row, "picture", locked_meanwhile)
    assert work.do_next(drawer, lambda: None)
    holding.join()
    job = row(worker.engine, job_id)
    assert (job.state, job.attempt, job.troubles) == ("succeeded", 1, 0)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_connections_that_are_cut_while_it_publishes_end_no_job(
    database_url: str,
    tmp_path: Path,
    base: DiffusionModel,
    cache: ErasureCache,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publish_pictures = jobs.publish_pictures

    def cut_at_first(session: Session, *asked: Any, **named: Any) -> bool:
        monkeypatch.setattr(jobs, "publish_pictures", publish_pictures)
        with psycopg.connect(database_url.replace("+psycopg", ""), autocommit=True) as operator:
            operator.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        return publish_pictures(session, *asked, **named)

    monkeypatch.setattr(jobs, "publish_pictures", cut_at_first)
    with working(tmp_path / "home", database_url, base, cache) as worker:
        job_id = asked_for(worker, [])
        assert work.do_next(drawing(worker), lambda: None)
        job = row(worker.engine, job_id)
    assert (job.state, job.attempt, job.troubles) == ("succeeded", 1, 0)


def test_an_error_nobody_foresaw_becomes_an_incident_that_the_log_explains(
    worker: WorkerProcess, caplog: pytest.LogCaptureFixture
) -> None:
    request = cast("ReprojectRequest", {})
    with writing(worker.engine) as session:
        job_id = jobs.enqueue(session, kind="evaluate", request=request, pinned={}, concept=None, actor="tests").id
    with caplog.at_level(logging.ERROR):
        answer(worker, job_id)
    job = row(worker.engine, job_id)
    assert job.state == "failed"
    assert job.problem is not None
    assert job.problem["type"] == "/problems/internal-error"
    assert job.problem["incident"] in caplog.text
    assert "KeyError: 'evaluate'" in caplog.text
    assert "evaluate" not in str(job.problem)


def test_a_job_that_was_cancelled_while_it_waited_is_not_done(worker: WorkerProcess) -> None:
    job_id = accepted_erasure(worker.engine)
    with writing(worker.engine) as session:
        jobs.request_cancel(session, job_id)
    answer(worker, job_id)
    assert (row(worker.engine, job_id).state, row(worker.engine, job_id).attempt) == ("cancelled", 0)
