"""What somebody waits for goes before what is done by the way."""

from functools import partial

import pytest
from sqlalchemy import Engine, update

from sepme_core.registry import concepts, jobs, protecting
from sepme_core.registry.database import reading, writing
from sepme_core.registry.jobs import Job
from tests.sepme_core.registry.work import (
    HOLDER,
    accept,
    at_once,
    claimed,
    enqueue_generation,
    erase,
    get_job,
    publish_reprojection,
    restore,
)


def reprojection(engine: Engine) -> str:
    """A re-projection that is queued and was rung for."""
    erase(engine, "nudity", irrevocable=True)
    erase(engine, "cat")
    with writing(engine) as session:
        ((job_id, _),) = jobs.never_rung(session)
    return job_id


def first(engine: Engine, job_id: str) -> str:
    with writing(engine) as session:
        return jobs.first_in_turn(session, job_id)


def take(engine: Engine, job_id: str) -> str | None:
    """What a worker does at a ring; gives the job that it claimed."""
    with writing(engine) as session:
        turn = jobs.first_in_turn(session, job_id)
        held = jobs.claim(session, turn, worker="worker", lease_seconds=30)
    return held.job_id if held else None


def never_rung(engine: Engine) -> list[str]:
    with writing(engine) as session:
        return [job_id for job_id, _ in jobs.never_rung(session)]


def test_a_reprojection_lets_the_oldest_erasure_go_before_it_and_is_rung_for_again(engine: Engine) -> None:
    job_id = reprojection(engine)
    older, younger = accept(engine, "dog").job.id, accept(engine, "monet").job.id
    assert take(engine, job_id) == older
    assert never_rung(engine) == [job_id]
    assert take(engine, job_id) == younger
    assert never_rung(engine) == [job_id]
    assert take(engine, job_id) == job_id
    assert never_rung(engine) == []


def test_a_reprojection_that_waited_is_done_as_any_other(engine: Engine) -> None:
    job_id = reprojection(engine)
    accept(engine, "dog")
    first(engine, job_id)
    assert publish_reprojection(engine, claimed(engine, job_id), "nudity beside cat")


def test_a_protection_goes_before_a_reprojection_too(engine: Engine) -> None:
    job_id = reprojection(engine)
    with writing(engine) as session:
        asked = protecting.accept(session, "brand", ["a red can"], HOLDER).job
    assert asked is not None
    assert first(engine, job_id) == asked.id


def test_the_oldest_erasure_goes_before_a_younger_one_which_is_rung_for_again(engine: Engine) -> None:
    reprojection(engine)
    older, younger = accept(engine, "dog").job.id, accept(engine, "monet").job.id
    assert take(engine, younger) == older
    assert never_rung(engine) == [younger]
    assert take(engine, younger) == younger
    assert never_rung(engine) == []


def test_a_protection_that_came_before_goes_before_an_erasure(engine: Engine) -> None:
    reprojection(engine)
    with writing(engine) as session:
        asked = protecting.accept(session, "brand", ["a red can"], HOLDER).job
    assert asked is not None
    assert first(engine, accept(engine, "dog").job.id) == asked.id


def test_erasures_of_one_request_are_taken_in_its_order(engine: Engine) -> None:
    bodies = [{"name": name} for name in ("dog", "cat", "bee", "ant")]
    with writing(engine) as session:
        job_ids = [one.job.id for one in concepts.accept_erasures(session, bodies, HOLDER)]
    assert [take(engine, job_ids[-1]) for _ in job_ids] == job_ids


def test_nothing_goes_before_a_picture_or_the_oldest_erasure(engine: Engine) -> None:
    reprojection(engine)
    for job_id in (accept(engine, "dog").job.id, enqueue_generation(engine).id, "no-such-job"):
        assert first(engine, job_id) == job_id
    assert never_rung(engine) == []


def test_workers_rung_for_each_others_erasures_do_not_wait_for_each_other(engine: Engine) -> None:
    for _ in range(5):
        job_ids = [accept(engine, name).job.id for name in ("dog", "monet", "fish")]
        taken = at_once(*(partial(take, engine, job_id) for job_id in (*job_ids[::-1], *job_ids)))
        assert not [outcome for outcome in taken if isinstance(outcome, Exception)]
        while left := [job_id for job_id in job_ids if get_job(engine, job_id).state == "queued"]:
            assert take(engine, left[-1]) in left
        for name in ("dog", "monet", "fish"):
            restore(engine, name)


def test_pictures_and_what_is_not_wanted_any_more_go_before_nothing(engine: Engine) -> None:
    job_id = reprojection(engine)
    enqueue_generation(engine)
    unwanted, ended = accept(engine, "dog").job.id, accept(engine, "monet").job.id
    with writing(engine) as session:
        session.execute(update(Job).where(Job.id == unwanted).values(cancel_requested=True))
        jobs.request_cancel(session, ended)
    assert first(engine, job_id) == job_id


@pytest.mark.parametrize("lease_seconds", [30.0, 0.0])
def test_a_reprojection_that_was_begun_waits_for_nobody(engine: Engine, lease_seconds: float) -> None:
    job_id = reprojection(engine)
    claimed(engine, job_id, lease_seconds=lease_seconds)
    accept(engine, "dog")
    assert first(engine, job_id) == job_id


def test_workers_at_once_take_one_erasure_each_at_most(engine: Engine) -> None:
    job_id = reprojection(engine)
    asked = {accept(engine, name).job.id for name in ("dog", "monet", "fish")}
    taken = [one for one in at_once(*(partial(take, engine, job_id) for _ in range(3))) if one is not None]
    assert set(taken) <= asked
    assert len(set(taken)) == len(taken) > 0
    with reading(engine) as session:
        running = jobs.list_page(session, None, 10, state="running").items
    assert {job.id for job in running} == set(taken)
    assert get_job(engine, job_id).rung_at is None
