import logging
import threading

import pytest

from sepme_core.registry import jobs
from sepme_core.registry.database import writing
from tests.worker.masks import asked_for, publish, random_increment
from tests.worker.residents import answer
from tests.worker.rows import accepted_erasure, claimed, row, run_out
from worker.resident import Resident


def test_a_ring_makes_the_job_succeed_and_a_second_ring_does_nothing(resident: Resident) -> None:
    job_id = asked_for(resident, [])
    answer(resident, job_id)
    first = row(resident.engine, job_id)
    answer(resident, job_id)
    second = row(resident.engine, job_id)
    assert first.state == second.state == "succeeded"
    assert first.result == second.result
    assert second.attempt == 1


def test_rings_at_the_same_time_do_the_job_once(resident: Resident) -> None:
    job_id = asked_for(resident, [])
    rings = [threading.Thread(target=answer, args=(resident, job_id)) for _ in range(4)]
    for ring in rings:
        ring.start()
    for ring in rings:
        ring.join()
    assert (row(resident.engine, job_id).state, row(resident.engine, job_id).attempt) == ("succeeded", 1)


def test_a_ring_for_a_job_that_does_not_exist_does_nothing(resident: Resident) -> None:
    answer(resident, "no-such-job")


def test_a_ring_for_a_job_that_another_holds_leaves_it_to_the_other(resident: Resident) -> None:
    job_id = asked_for(resident, [])
    held = claimed(resident.engine, job_id)
    answer(resident, job_id)
    assert (row(resident.engine, job_id).state, row(resident.engine, job_id).attempt) == ("running", held.attempt)


def test_a_job_whose_worker_was_lost_is_done_at_the_next_ring(resident: Resident) -> None:
    job_id = asked_for(resident, [])
    claimed(resident.engine, job_id)
    run_out(resident.engine, job_id)
    answer(resident, job_id)
    assert (row(resident.engine, job_id).state, row(resident.engine, job_id).attempt) == ("succeeded", 2)


def test_a_worker_that_is_stopping_takes_no_new_job(resident: Resident) -> None:
    job_id = asked_for(resident, [])
    resident.drain.begin()
    answer(resident, job_id)
    assert (row(resident.engine, job_id).state, row(resident.engine, job_id).attempt) == ("queued", 0)


def test_a_refusal_is_stored_on_the_job(resident: Resident) -> None:
    digest = publish(resident, random_increment(resident.base, "fox"))
    job_id = asked_for(resident, ["fox"])
    resident.blobs.delete(digest)
    answer(resident, job_id)
    job = row(resident.engine, job_id)
    assert job.state == "failed"
    assert job.problem is not None
    assert job.problem["type"] == "/problems/increment-damaged"


def test_an_error_nobody_foresaw_becomes_an_incident_that_the_log_explains(
    resident: Resident, caplog: pytest.LogCaptureFixture
) -> None:
    with writing(resident.engine) as session:
        job_id = jobs.enqueue(
            session, kind="evaluate", queue="erase", request={}, pinned={}, concept=None, holder="tests"
        ).id
    with caplog.at_level(logging.ERROR):
        answer(resident, job_id)
    job = row(resident.engine, job_id)
    assert job.state == "failed"
    assert job.problem is not None
    assert job.problem["type"] == "/problems/internal-error"
    assert job.problem["incident"] in caplog.text
    assert "KeyError: 'evaluate'" in caplog.text
    assert "evaluate" not in str(job.problem)


def test_a_job_that_was_cancelled_while_it_waited_is_not_done(resident: Resident) -> None:
    job_id = accepted_erasure(resident.engine)
    with writing(resident.engine) as session:
        jobs.request_cancel(session, job_id)
    answer(resident, job_id)
    assert (row(resident.engine, job_id).state, row(resident.engine, job_id).attempt) == ("cancelled", 0)
