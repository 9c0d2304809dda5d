"""What somebody waits for goes before what is done by the way, holders in turn, to a worker that can do it."""

import random
from collections import Counter, defaultdict
from functools import partial
from typing import cast

import pytest
from sqlalchemy import Engine, update

from sepme_core.documents.requests import AskedErasure, PictureRequestDocument
from sepme_core.registry import concepts, jobs, protected, serving
from sepme_core.registry.database import reading, writing
from sepme_core.registry.jobs import Job
from tests.sepme_core.registry.work import (
    BASE,
    HOLDER,
    OTHER_BASE,
    accept,
    announce,
    at_once,
    enqueue_generation,
    enqueue_generation_for,
    erase,
    get_concept,
    get_job,
    let_lease_run_out,
    restore,
)


def take(
    engine: Engine, queue: str = "erase", worker: str = "worker", base: str = BASE, attempts: int = 3
) -> str | None:
    """What a worker does that looks at its queue; gives the job that it claimed."""
    claimant = jobs.Claimant(worker, queue, base, attempts)
    with writing(engine) as session:
        job_id = jobs.next_in_turn(session, claimant)
        if job_id is None:
            return None
        held = jobs.claim(session, job_id, worker=worker, lease_seconds=30)
    return held.job_id if held else None


def waits(engine: Engine, queue: str = "erase", worker: str = "worker", base: str = BASE) -> bool:
    with reading(engine) as session:
        return jobs.waits(session, jobs.Claimant(worker, queue, base, 3))


def reprojection(engine: Engine) -> str:
    """A re-projection that is queued."""
    erase(engine, "nudity", irrevocable=True)
    erase(engine, "cat")
    return str(get_concept(engine, "nudity")["job"])


def test_a_look_at_an_empty_queue_takes_nothing(engine: Engine) -> None:
    assert take(engine) is None
    assert not waits(engine)


def test_a_reprojection_goes_after_everything_that_was_asked_for(engine: Engine) -> None:
    job_id = reprojection(engine)
    older, younger = accept(engine, "dog").job.id, accept(engine, "monet").job.id
    assert [take(engine) for _ in range(4)] == [older, younger, job_id, None]


def test_a_protection_goes_before_a_reprojection_and_in_its_turn(engine: Engine) -> None:
    job_id = reprojection(engine)
    with writing(engine) as session:
        asked = protected.accept(session, "brand", ["a red can"], HOLDER).job
    assert asked is not None
    later = accept(engine, "dog").job.id
    assert [take(engine) for _ in range(3)] == [asked.id, later, job_id]


def test_erasures_of_one_request_are_taken_in_its_order(engine: Engine) -> None:
    bodies: list[AskedErasure] = [{"name": name} for name in ("dog", "cat", "bee", "ant")]
    with writing(engine) as session:
        job_ids = [one.job.id for one in concepts.accept_erasures(session, bodies, HOLDER)]
    assert [take(engine) for _ in job_ids] == job_ids


def test_each_queue_is_by_itself_and_pictures_are_drawn_in_the_order_they_came(engine: Engine) -> None:
    accept(engine, "dog")
    drawn = [enqueue_generation(engine).id for _ in range(3)]
    assert waits(engine, "generate")
    assert [take(engine, "generate") for _ in range(4)] == [*drawn, None]
    assert not waits(engine, "generate")
    assert waits(engine, "erase")


def test_a_job_whose_lease_ran_out_is_taken_in_its_turn(engine: Engine) -> None:
    first, second = enqueue_generation(engine).id, enqueue_generation(engine).id
    assert take(engine, "generate") == first
    let_lease_run_out(engine, first)
    assert take(engine, "generate") == first
    assert take(engine, "generate") == second
    assert (get_job(engine, first).attempt, get_job(engine, first).losses) == (2, 1)


def test_what_lost_its_worker_too_often_is_not_taken_again(engine: Engine) -> None:
    job_id = enqueue_generation(engine).id
    for _ in range(2):
        assert take(engine, "generate", attempts=2) == job_id
        let_lease_run_out(engine, job_id)
    assert take(engine, "generate", attempts=2) is None


def test_what_is_to_be_cancelled_or_has_ended_is_not_taken(engine: Engine) -> None:
    unwanted, ended = accept(engine, "dog").job.id, accept(engine, "monet").job.id
    with writing(engine) as session:
        session.execute(update(Job).where(Job.id == unwanted).values(cancel_requested=True))
        jobs.request_cancel(session, ended)
    assert take(engine) is None


def test_what_is_for_one_base_is_left_to_the_workers_of_that_base(engine: Engine) -> None:
    with writing(engine) as session:
        theirs = jobs.enqueue(
            session,
            kind="generate",
            request=cast("PictureRequestDocument", {"prompt": "a cat"}),
            pinned={},
            concept=None,
            actor=HOLDER,
            base_digest=OTHER_BASE,
        ).id
    anyones = enqueue_generation(engine).id
    assert take(engine, "generate") == anyones
    assert take(engine, "generate") is None
    assert take(engine, "generate", base=OTHER_BASE) == theirs


def test_a_reprojection_is_left_to_the_workers_of_its_increments_base(engine: Engine) -> None:
    job_id = reprojection(engine)
    assert take(engine, base=OTHER_BASE) is None
    assert take(engine) == job_id


def joint(engine: Engine, *names: str) -> list[str]:
    announce(engine)
    with writing(engine) as session:
        accepted = concepts.accept_erasures(session, [{"name": name} for name in names], HOLDER, joint=True)
        return [one.job.id for one in accepted]


def live(engine: Engine, *workers: str) -> None:
    with writing(engine) as session:
        for worker in workers:
            serving.announce_worker(session, worker, "erase", BASE)


def test_what_is_optimised_together_goes_to_the_worker_that_began_with_it(engine: Engine) -> None:
    first, second, third = joint(engine, "cat", "dog", "bee")
    live(engine, "one", "two")
    assert take(engine, worker="one") == first
    assert take(engine, worker="two") is None
    with writing(engine) as session:
        jobs.request_cancel(session, first)
    assert take(engine, worker="one") == second
    assert take(engine, worker="two") is None
    with writing(engine) as session:
        serving.withdraw_worker(session, "one")
    assert take(engine, worker="two") == third


def test_workers_at_once_take_one_job_each_and_do_not_wait_for_each_other(engine: Engine) -> None:
    for _ in range(5):
        job_ids = {accept(engine, name).job.id for name in ("dog", "monet", "fish")}
        taken = at_once(*(partial(take, engine, worker=f"worker {number}") for number in range(6)))
        assert not [outcome for outcome in taken if isinstance(outcome, Exception)]
        while (left := take(engine)) is not None:
            taken.append(left)
        assert sorted(job_id for job_id in taken if job_id is not None) == sorted(job_ids)  # type: ignore[type-var]
        for name in ("dog", "monet", "fish"):
            restore(engine, name)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_worker_that_is_about_to_claim_holds_no_other_up(engine: Engine) -> None:
    first, second = (enqueue_generation(engine).id for _ in range(2))
    with writing(engine) as session:
        assert jobs.next_in_turn(session, jobs.Claimant("slow", "generate", BASE, 3)) == first
        assert take(engine, "generate", worker="another") == second


def test_many_jobs_of_one_holder_hold_up_the_first_of_another_by_one(engine: Engine) -> None:
    many = [enqueue_generation_for("one", engine).id for _ in range(12)]
    assert take(engine, "generate") == many[0]
    first, second = (enqueue_generation_for("another", engine).id for _ in range(2))
    assert [take(engine, "generate") for _ in range(4)] == [first, many[1], second, many[2]]


def drawn_at_random(engine: Engine, seed: int) -> None:
    """Let jobs of five holders come and be claimed at random; what must hold is looked at with each claim."""
    chance = random.Random(seed)
    waiting: defaultdict[str, list[str]] = defaultdict(list)
    passed_over: defaultdict[str, Counter[str]] = defaultdict(Counter)
    holder_of: dict[str, str] = {}
    for _ in range(90):
        if chance.random() < 0.55:
            holder = chance.choice(["a", "a", "a", "b", "c", "d", "e"])
            with writing(engine) as session:
                job = jobs.enqueue(
                    session,
                    kind="generate",
                    request=cast("PictureRequestDocument", {"prompt": "a cat"}),
                    pinned={},
                    concept=None,
                    actor=holder,
                    job_id=f"{len(holder_of):032}",
                )
            holder_of[job.id] = holder
            waiting[holder].append(job.id)
        elif (taken := take(engine, "generate")) is not None:
            served = holder_of[taken]
            assert taken == waiting[served].pop(0), "of each holder the oldest goes first"
            passed_over[served].clear()
            for other in (holder for holder in waiting if waiting[holder] and holder != served):
                passed_over[other][served] += 1
                assert passed_over[other][served] == 1, f"{other} waited behind {served} twice"
        else:
            assert not any(waiting.values())


@pytest.mark.parametrize("seed", range(2))
def test_nobodys_first_job_waits_behind_two_of_any_other(engine: Engine, seed: int) -> None:
    drawn_at_random(engine, seed)


def test_each_queue_has_turns_of_its_own(engine: Engine) -> None:
    mine = [enqueue_generation_for(HOLDER, engine).id for _ in range(2)]
    theirs, erased = enqueue_generation_for("another", engine).id, protection(engine, "brand", "another")
    assert [take(engine, "generate"), take(engine)] == [mine[0], erased]
    assert [take(engine, "generate"), take(engine, "generate")] == [theirs, mine[1]]


def test_a_job_that_was_lost_costs_its_holder_another_turn(engine: Engine) -> None:
    lost, later = (enqueue_generation_for("one", engine).id for _ in range(2))
    assert take(engine, "generate") == lost
    theirs = [enqueue_generation_for("another", engine).id for _ in range(2)]
    let_lease_run_out(engine, lost)
    assert [take(engine, "generate") for _ in range(4)] == [theirs[0], lost, theirs[1], later]


def protection(engine: Engine, name: str, holder: str) -> str:
    with writing(engine) as session:
        asked = protected.accept(session, name, ["a red can"], holder).job
    assert asked is not None
    return asked.id


def test_what_is_done_by_the_way_costs_nobody_a_turn(engine: Engine) -> None:
    by_the_way = reprojection(engine)
    first = protection(engine, "brand", "another")
    assert [take(engine), take(engine)] == [first, by_the_way]
    theirs, mine = protection(engine, "logo", "another"), accept(engine, "dog").job.id
    assert [take(engine), take(engine)] == [mine, theirs]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_worker_that_hangs_as_it_claims_holds_no_other_up(engine: Engine) -> None:
    _, second, third = (enqueue_generation(engine).id for _ in range(3))
    take(engine, "generate")
    with writing(engine) as session:
        job_id = jobs.next_in_turn(session, jobs.Claimant("slow", "generate", BASE, 3))
        assert job_id == second
        assert jobs.claim(session, second, worker="slow", lease_seconds=30)
        assert take(engine, "generate", worker="another") == third


def test_workers_at_once_take_the_jobs_of_many_holders_once_each(engine: Engine) -> None:
    job_ids = {enqueue_generation_for(holder, engine).id for holder in "aabbcc"}
    outcomes = at_once(*(partial(take, engine, "generate", worker=f"worker {number}") for number in range(6)))
    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    taken = [outcome for outcome in outcomes if outcome is not None]
    while (left := take(engine, "generate")) is not None:
        taken.append(left)
    assert sorted(map(str, taken)) == sorted(job_ids)
