import time

import pytest
from sqlalchemy import Engine

from sepme_core.registry import concepts, jobs
from sepme_core.registry.database import writing
from tests.worker.rows import accepted_erasure, claimed, events, row, run_out
from worker.lease import HUNG_STATUS, LOOK_SECONDS, Cancelled, Drain, Lease, LeaseLost, PutBack

PATIENT = Drain(60)


def lease(engine: Engine, claim: jobs.Claim, seconds: float = 8.0, drain: Drain = PATIENT) -> Lease:
    return Lease(engine, claim, seconds=seconds, drain=drain)


def test_a_lease_that_is_held_does_not_run_out(engine: Engine) -> None:
    job_id = accepted_erasure(engine)
    claim = claimed(engine, job_id, lease_seconds=1.0)
    with lease(engine, claim, seconds=1.0) as held:
        time.sleep(2.5)
        with writing(engine) as session:
            assert jobs.claim(session, job_id, worker="another", lease_seconds=1.0) is None
        held.check()


def test_a_lease_that_is_no_longer_held_runs_out(engine: Engine) -> None:
    job_id = accepted_erasure(engine)
    with lease(engine, claimed(engine, job_id, lease_seconds=0.5), seconds=0.5):
        pass
    time.sleep(0.8)
    assert claimed(engine, job_id).attempt == 2


def test_the_work_is_told_when_another_attempt_has_begun(engine: Engine) -> None:
    job_id = accepted_erasure(engine)
    with lease(engine, claimed(engine, job_id)) as void:
        void.step(1, 100, "first")
        run_out(engine, job_id)
        claimed(engine, job_id)
        time.sleep(LOOK_SECONDS)
        with pytest.raises(LeaseLost):
            void.step(2, 100, "second")
        with pytest.raises(LeaseLost):
            void.check()
    assert [event.data["message"] for event in events(engine, job_id)] == ["first"]


def test_the_renewal_finds_a_lost_lease_without_any_step(engine: Engine) -> None:
    job_id = accepted_erasure(engine)
    with lease(engine, claimed(engine, job_id), seconds=0.4) as void:
        run_out(engine, job_id)
        claimed(engine, job_id)
        time.sleep(0.5)
        with pytest.raises(LeaseLost):
            void.check()


def test_a_cancel_is_seen_at_the_next_look(engine: Engine) -> None:
    job_id = accepted_erasure(engine)
    with lease(engine, claimed(engine, job_id)) as held:
        held.step(1, 100, "first")
        with writing(engine) as session:
            jobs.request_cancel(session, job_id)
        time.sleep(LOOK_SECONDS)
        with pytest.raises(Cancelled):
            held.step(2, 100, "second")


def test_restoring_the_concept_ends_the_work_on_it(engine: Engine) -> None:
    job_id = accepted_erasure(engine, "cat")
    with lease(engine, claimed(engine, job_id)) as held:
        with writing(engine) as session:
            concepts.restore(session, "cat", "tests", None)
        with pytest.raises(LeaseLost):
            held.step(1, 100, "first")
    assert row(engine, job_id).state == "cancelled"


def test_many_fast_steps_ask_the_database_twice_a_second_and_the_last_is_reported(engine: Engine) -> None:
    job_id = accepted_erasure(engine)
    with lease(engine, claimed(engine, job_id)) as held:
        started = time.monotonic()
        for step in range(1, 1001):
            held.step(step, 1000, f"step {step}", {"loss": 1 / step})
        took = time.monotonic() - started
    reported = events(engine, job_id)
    assert len(reported) <= 2 + took / LOOK_SECONDS
    assert reported[-1].data == {"step": 1000, "of": 1000, "message": "step 1000", "loss": 0.001}
    assert row(engine, job_id).step == 1000


def test_a_stopping_worker_puts_its_job_back_when_the_time_is_up(engine: Engine) -> None:
    drain = Drain(0.0)
    with lease(engine, claimed(engine, accepted_erasure(engine)), drain=drain) as held:
        held.step(1, 100, "first")
        drain.begin()
        with pytest.raises(PutBack):
            held.step(2, 100, "second")


def test_a_lease_outlives_whatever_goes_wrong_with_its_renewal(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = accepted_erasure(engine)
    renew = jobs.renew

    def wrong(*_asked: object) -> bool:
        monkeypatch.setattr(jobs, "renew", renew)
        raise ZeroDivisionError("once")

    monkeypatch.setattr(jobs, "renew", wrong)
    with lease(engine, claimed(engine, job_id, lease_seconds=2.0), seconds=2.0) as held:
        time.sleep(3.0)
        held.check()
        with writing(engine) as session:
            assert jobs.claim(session, job_id, worker="another", lease_seconds=1.0) is None
    assert "could not be renewed (1 times by now): once" in caplog.text


def test_work_that_gives_no_sign_ends_its_process_and_keeps_the_lease_no_longer(engine: Engine) -> None:
    job_id = accepted_erasure(engine)
    ended: list[int] = []
    claim = claimed(engine, job_id, lease_seconds=0.8)
    with Lease(engine, claim, seconds=0.8, drain=PATIENT, hang_seconds=1.0, end_process=ended.append) as held:
        for _ in range(8):
            time.sleep(0.2)
            held.check()
        assert ended == [], "it gives signs"
        time.sleep(2.4)
        assert ended == [HUNG_STATUS]
        assert claimed(engine, job_id).attempt == 2
