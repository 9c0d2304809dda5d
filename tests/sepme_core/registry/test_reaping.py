import time
from functools import partial
from typing import cast

from sqlalchemy import Engine

from sepme_core.documents.requests import PictureRequestDocument, PinnedMask
from sepme_core.registry import jobs, serving
from sepme_core.registry.database import reading, writing
from sepme_core.registry.jobs import Job
from tests.sepme_core.registry.work import (
    BASE,
    OTHER_BASE,
    accept,
    announce,
    at_once,
    claimed,
    enqueue_generation,
    get_concept,
    get_job,
    let_lease_run_out,
    publish,
)


def waiting(engine: Engine) -> list[str]:
    with writing(engine) as session:
        return jobs.waiting_queues(session)


def park(engine: Engine, attempts: int = 3) -> list[str]:
    with writing(engine) as session:
        return jobs.park_exhausted(session, attempts)


def refuse(engine: Engine, patience_seconds: float = 60.0) -> list[str]:
    with writing(engine) as session:
        return jobs.refuse_another_base(session, patience_seconds)


def test_queues_in_which_jobs_wait_are_rung_for_however_many_those_are(engine: Engine) -> None:
    assert waiting(engine) == []
    for _ in range(3):
        enqueue_generation(engine)
    assert waiting(engine) == ["generate"]
    accept(engine, "van-gogh")
    assert waiting(engine) == ["erase", "generate"]


def test_what_is_being_done_is_not_rung_for_until_its_lease_runs_out(engine: Engine) -> None:
    job = enqueue_generation(engine)
    claimed(engine, job.id)
    assert waiting(engine) == []
    let_lease_run_out(engine, job.id)
    assert waiting(engine) == ["generate"]


def test_a_released_job_is_rung_for(engine: Engine) -> None:
    held = claimed(engine, enqueue_generation(engine).id)
    with writing(engine) as session:
        jobs.release(session, held)
    assert waiting(engine) == ["generate"]


def asked_of(engine: Engine, base_digest: str) -> Job:
    with writing(engine) as session:
        return jobs.enqueue(
            session,
            kind="generate",
            request=cast("PictureRequestDocument", {"prompt": "a cat"}),
            pinned=cast("PinnedMask", {"mask": {"concepts": [{"name": "cat"}]}, "base_digest": base_digest}),
            concept=None,
            actor="tests",
            base_digest=base_digest,
        )


def test_a_job_for_a_base_that_nobody_serves_any_more_is_refused_after_a_while(engine: Engine) -> None:
    announce(engine)
    job, own = asked_of(engine, OTHER_BASE), asked_of(engine, BASE)
    assert refuse(engine) == []
    with writing(engine) as session:
        serving.announce_worker(session, "old", "generate", OTHER_BASE)
    assert refuse(engine, 0.0) == [], "its worker lives"
    with writing(engine) as session:
        serving.withdraw_worker(session, "old")
    assert refuse(engine, 0.0) == [job.id]
    row = get_job(engine, job.id)
    assert row.problem is not None
    assert (row.state, row.problem["type"], row.problem["concepts"]) == (
        "failed",
        "/problems/increment-for-another-base",
        ["cat"],
    )
    assert get_job(engine, own.id).state == "queued"


def test_a_killed_workers_job_runs_again_and_ends_once(engine: Engine) -> None:
    """Lease of a second, sweeps of a quarter: the whole path from the loss to the one version, by real time."""
    job = accept(engine, "van-gogh").job
    claimed(engine, job.id, "killed", lease_seconds=1.0)
    lost_at = time.monotonic()
    rung: list[str] = []
    while not rung and time.monotonic() - lost_at < 5:
        time.sleep(0.25)
        rung = waiting(engine)
    assert rung == ["erase"]
    assert 1.0 <= time.monotonic() - lost_at < 2.0
    second = claimed(engine, job.id, "worker-2")
    assert second.attempt == 2
    assert publish(engine, second)
    assert waiting(engine) == []
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
    assert waiting(engine) == []
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
    assert waiting(engine) == []
    assert get_job(engine, job.id).state == "running"
    let_lease_run_out(engine, job.id)
    assert park(engine, attempts=1) == []
    assert waiting(engine) == []
    assert get_job(engine, job.id).state == "cancelled"
    assert get_concept(engine, "van-gogh")["job"] is None
