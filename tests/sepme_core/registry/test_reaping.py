import time
from functools import partial

from sqlalchemy import Engine, update

from sepme_core.registry import jobs
from sepme_core.registry.clock import database_time
from sepme_core.registry.database import reading, writing
from sepme_core.registry.jobs import Job
from tests.sepme_core.registry.work import (
    accept,
    at_once,
    claimed,
    enqueue_generation,
    get_concept,
    get_job,
    let_lease_run_out,
    publish,
)


def unclaimed(engine: Engine, rung_before_seconds: float = 5.0) -> list[tuple[str, str]]:
    with writing(engine) as session:
        return jobs.unclaimed(session, rung_before_seconds=rung_before_seconds)


def park(engine: Engine, attempts: int = 3) -> list[str]:
    with writing(engine) as session:
        return jobs.park_exhausted(session, attempts)


def rung_before(engine: Engine, job_id: str, seconds: float) -> None:
    """Let it be `seconds` since the job was last rung for."""
    with writing(engine) as session:
        session.execute(update(Job).where(Job.id == job_id).values(rung_at=database_time(-seconds)))


def test_a_job_just_accepted_is_left_to_whoever_accepted_it(engine: Engine) -> None:
    enqueue_generation(engine)
    assert unclaimed(engine) == []


def test_queued_jobs_that_nobody_claims_are_rung_for_by_their_queue(engine: Engine) -> None:
    erasing, generating = accept(engine, "van-gogh").job, enqueue_generation(engine)
    for job in (erasing, generating):
        rung_before(engine, job.id, 5.5)
    assert unclaimed(engine) == [(erasing.id, "erase"), (generating.id, "generate")]


def test_a_job_is_rung_for_ever_more_rarely(engine: Engine) -> None:
    job = enqueue_generation(engine)
    for patience in (5.0, 10.0, 20.0, 40.0, 40.0):
        rung_before(engine, job.id, patience - 0.5)
        assert unclaimed(engine) == [], patience
        rung_before(engine, job.id, patience + 0.5)
        assert unclaimed(engine) == [(job.id, "generate")], patience


def test_a_lease_that_ran_out_is_rung_for_at_once(engine: Engine) -> None:
    job = enqueue_generation(engine)
    claimed(engine, job.id)
    assert unclaimed(engine) == []
    let_lease_run_out(engine, job.id)
    assert unclaimed(engine) == [(job.id, "generate")]
    assert unclaimed(engine) == []
    rung_before(engine, job.id, 5.5)
    assert unclaimed(engine) == [(job.id, "generate")]


def test_a_released_job_is_rung_for_at_once(engine: Engine) -> None:
    held = claimed(engine, enqueue_generation(engine).id)
    with writing(engine) as session:
        jobs.release(session, held)
    assert unclaimed(engine) == [(held.job_id, "generate")]


def test_reapers_that_sweep_at_once_ring_once(engine: Engine) -> None:
    ids = [enqueue_generation(engine).id for _ in range(5)]
    for job_id in ids:
        rung_before(engine, job_id, 5.5)
    outcomes = at_once(*(partial(unclaimed, engine) for _ in range(4)))
    rung = [job_id for outcome in outcomes if isinstance(outcome, list) for job_id, _ in outcome]
    assert sorted(rung) == sorted(ids)


def test_a_killed_workers_job_runs_again_and_ends_once(engine: Engine) -> None:
    """Lease of a second, sweeps of a quarter: the whole path from the loss to the one version, by real time."""
    job = accept(engine, "van-gogh").job
    claimed(engine, job.id, "killed", lease_seconds=1.0)
    lost_at = time.monotonic()
    rung: list[tuple[str, str]] = []
    while not rung and time.monotonic() - lost_at < 5:
        time.sleep(0.25)
        rung = unclaimed(engine, rung_before_seconds=5.0)
    assert rung == [(job.id, "erase")]
    assert 1.0 <= time.monotonic() - lost_at < 2.0
    second = claimed(engine, job.id, "worker-2")
    assert second.attempt == 2
    assert publish(engine, second)
    assert unclaimed(engine) == []
    assert len(get_concept(engine, "van-gogh")["versions"]) == 1


def test_a_job_that_lost_three_workers_is_parked(engine: Engine) -> None:
    job = enqueue_generation(engine)
    for attempt in (1, 2, 3):
        assert park(engine) == []
        assert claimed(engine, job.id).attempt == attempt
        let_lease_run_out(engine, job.id)
    assert park(engine) == [job.id]
    row = get_job(engine, job.id)
    assert row.state == "failed"
    assert row.problem is not None
    assert row.problem["type"] == "/problems/worker-lost"
    assert "3 times" in row.problem["detail"]
    assert unclaimed(engine) == []
    with reading(engine) as session:
        assert [event.kind for event in jobs.events_after(session, job.id, 0)] == ["failed"]


def test_releases_do_not_count_as_losses(engine: Engine) -> None:
    job = enqueue_generation(engine)
    for _ in range(4):
        held = claimed(engine, job.id)
        with writing(engine) as session:
            jobs.release(session, held)
    claimed(engine, job.id)
    let_lease_run_out(engine, job.id)
    assert park(engine) == []
    assert park(engine, attempts=1) == [job.id]


def test_reapers_that_park_at_once_park_once(engine: Engine) -> None:
    job = enqueue_generation(engine)
    claimed(engine, job.id)
    let_lease_run_out(engine, job.id)
    outcomes = at_once(*(partial(park, engine, 1) for _ in range(4)))
    assert outcomes.count([]) == 3
    assert outcomes.count([job.id]) == 1
    with reading(engine) as session:
        assert len(jobs.events_after(session, job.id, 0)) == 1


def test_a_job_whose_worker_died_before_it_could_stop_is_cancelled(engine: Engine) -> None:
    job = accept(engine, "van-gogh").job
    claimed(engine, job.id)
    with writing(engine) as session:
        jobs.request_cancel(session, job.id)
    assert unclaimed(engine) == []
    assert get_job(engine, job.id).state == "running"
    let_lease_run_out(engine, job.id)
    assert park(engine, attempts=1) == []
    assert unclaimed(engine) == []
    assert get_job(engine, job.id).state == "cancelled"
    assert get_concept(engine, "van-gogh")["job"] is None
