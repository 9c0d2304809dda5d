import time
from dataclasses import replace
from functools import partial
from typing import Any, cast

from sqlalchemy import Engine, select

from sepme_core.canonical import digest_of_bytes
from sepme_core.documents.answers import ProblemDocument
from sepme_core.documents.requests import MaskedConcept, Pinned
from sepme_core.registry import concepts, images, jobs, types
from sepme_core.registry.database import reading, writing
from sepme_core.registry.jobs import Claim
from sepme_core.registry.tables import Image
from tests.sepme_core.registry.work import (
    BASE,
    HOLDER,
    accept,
    at_once,
    claim,
    claimed,
    enqueue_generation,
    erase,
    get_concept,
    get_job,
    let_lease_run_out,
    picture,
    publish,
)


def renew(engine: Engine, held: Claim, lease_seconds: float = 30.0) -> bool:
    with writing(engine) as session:
        return jobs.renew(session, held, lease_seconds)


def report(engine: Engine, held: Claim, step: int) -> bool:
    with writing(engine) as session:
        return jobs.report(session, held, step, 100, f"step {step}", {"loss": 0.5})


def test_a_claim_holds_all_that_the_work_needs(engine: Engine) -> None:
    job = accept(engine, "van-gogh", kind="style", prompts=["Van Gogh"]).job
    held = claimed(engine, job.id, worker="erase-1")
    pinned: Pinned = {"known": [], "protected": [], "irrevocable": []}
    assert held == Claim(job.id, 1, "erase", job.request, pinned, "van-gogh", "erase-1")
    row = get_job(engine, job.id)
    assert (row.state, row.attempt, row.worker) == ("running", 1, "erase-1")
    assert row.started_at is not None
    assert row.lease_until is not None
    assert 29 < (row.lease_until - row.started_at).total_seconds() < 31


def test_of_many_claimers_at_once_exactly_one_wins(engine: Engine) -> None:
    job = enqueue_generation(engine)
    outcomes = at_once(*(partial(claim, engine, job.id, f"worker-{number}") for number in range(8)))
    won = [outcome for outcome in outcomes if isinstance(outcome, Claim)]
    assert len(won) == 1
    assert outcomes.count(None) == 7
    assert get_job(engine, job.id).worker == won[0].worker
    assert won[0].attempt == 1


def test_a_lease_that_ran_out_is_claimed_once_with_the_next_attempt(engine: Engine) -> None:
    job = enqueue_generation(engine)
    first = claimed(engine, job.id)
    let_lease_run_out(engine, job.id)
    outcomes = at_once(*(partial(claim, engine, job.id, f"worker-{number}") for number in range(8)))
    won = [outcome for outcome in outcomes if isinstance(outcome, Claim)]
    assert [held.attempt for held in won] == [2]
    assert outcomes.count(None) == 7
    assert not renew(engine, first)
    assert renew(engine, won[0])


def test_a_lease_runs_out_by_the_databases_clock(engine: Engine) -> None:
    job = enqueue_generation(engine)
    claimed(engine, job.id, lease_seconds=0.4)
    assert claim(engine, job.id, "worker-2") is None
    time.sleep(0.45)
    assert claimed(engine, job.id, "worker-2").attempt == 2


def test_a_renewed_lease_does_not_run_out(engine: Engine) -> None:
    job = enqueue_generation(engine)
    held = claimed(engine, job.id, lease_seconds=0.4)
    for _ in range(4):
        time.sleep(0.2)
        assert renew(engine, held, 0.4)
    assert claim(engine, job.id, "worker-2") is None


def test_a_late_worker_keeps_its_job_while_nobody_else_has_claimed_it(engine: Engine) -> None:
    job = enqueue_generation(engine)
    held = claimed(engine, job.id)
    let_lease_run_out(engine, job.id)
    assert report(engine, held, 1)
    assert renew(engine, held)
    assert claim(engine, job.id, "worker-2") is None


def test_nothing_that_the_loser_of_a_lease_says_counts(engine: Engine) -> None:
    job = accept(engine, "van-gogh").job
    loser = claimed(engine, job.id, "worker-1")
    let_lease_run_out(engine, job.id)
    winner = claimed(engine, job.id, "worker-2")
    assert not renew(engine, loser)
    assert not report(engine, loser, 1)
    assert not publish(engine, loser, "the loser's")
    with writing(engine) as session:
        assert not jobs.fail(session, loser, cast("ProblemDocument", {"title": "x"}))
        assert not jobs.finish_cancelled(session, loser)
        assert not jobs.release(session, loser)
        assert jobs.events_after(session, job.id, 0) == []
    assert get_concept(engine, "van-gogh")["versions"] == []
    assert publish(engine, winner, "the winner's")
    assert not publish(engine, loser, "the loser's")
    assert len(get_concept(engine, "van-gogh")["versions"]) == 1
    assert get_job(engine, job.id).state == "succeeded"


def test_loser_and_winner_who_publish_at_once_make_one_version(engine: Engine) -> None:
    job = accept(engine, "van-gogh").job
    loser = claimed(engine, job.id, "worker-1")
    let_lease_run_out(engine, job.id)
    winner = claimed(engine, job.id, "worker-2")
    outcomes = at_once(partial(publish, engine, loser, "a"), partial(publish, engine, winner, "b"))
    assert outcomes == [False, True]
    assert len(get_concept(engine, "van-gogh")["versions"]) == 1


def test_the_same_claim_publishes_once(engine: Engine) -> None:
    held = claimed(engine, accept(engine, "van-gogh").job.id)
    outcomes = at_once(*(partial(publish, engine, held) for _ in range(4)))
    assert sorted(map(str, outcomes)) == ["False", "False", "False", "True"]
    assert len(get_concept(engine, "van-gogh")["versions"]) == 1


def test_a_claim_and_an_expiry_that_meet_leave_one_holder(engine: Engine) -> None:
    """The worker renews at the moment at which another claims: one of the two is told that it has not got it."""
    for number in range(10):
        job = enqueue_generation(engine)
        held = claimed(engine, job.id)
        let_lease_run_out(engine, job.id)
        renewed, taken = at_once(partial(renew, engine, held), partial(claim, engine, job.id, f"other-{number}"))
        assert (renewed is True) != isinstance(taken, Claim), (renewed, taken)


def test_ended_and_unknown_jobs_cannot_be_claimed(engine: Engine) -> None:
    done = erase(engine, "van-gogh")
    assert claim(engine, done.id) is None
    assert claim(engine, "no-such-job") is None


def test_progress_is_on_the_row_and_in_the_events(engine: Engine) -> None:
    job = enqueue_generation(engine)
    held = claimed(engine, job.id)
    assert report(engine, held, 1)
    assert report(engine, held, 2)
    row = get_job(engine, job.id)
    assert jobs.document(row)["progress"] == {"step": 2, "of": 100, "message": "step 2"}
    with reading(engine) as session:
        events = jobs.events_after(session, job.id, 0)
        later = jobs.events_after(session, job.id, 1)
    assert [(event.sequence, event.kind) for event in events] == [(1, "progress"), (2, "progress")]
    assert events[0].data == {"step": 1, "of": 100, "message": "step 1", "loss": 0.5}
    assert [event.sequence for event in later] == [2]


def test_events_written_at_once_are_numbered_without_gaps(engine: Engine) -> None:
    jobs_held = [claimed(engine, enqueue_generation(engine).id) for _ in range(2)]
    outcomes = at_once(*(partial(report, engine, held, step) for held in jobs_held for step in range(1, 7)))
    assert outcomes == [True] * 12
    with reading(engine) as session:
        for held in jobs_held:
            sequences = [event.sequence for event in jobs.events_after(session, held.job_id, 0)]
            assert sequences == [1, 2, 3, 4, 5, 6]


def test_a_failed_job_keeps_its_problem(engine: Engine) -> None:
    held = claimed(engine, enqueue_generation(engine).id)
    problem: Any = {"type": "/problems/no-capacity", "title": "No capacity", "status": 409}
    with writing(engine) as session:
        assert jobs.fail(session, held, problem)
    row = get_job(engine, held.job_id)
    assert (row.state, row.problem, row.result) == ("failed", problem, None)
    assert row.finished_at is not None
    with reading(engine) as session:
        last = jobs.events_after(session, held.job_id, 0)[-1]
    assert (last.kind, last.data) == ("failed", {"problem": problem})


def test_a_failed_job_keeps_the_pictures_that_its_refusal_rests_on(engine: Engine) -> None:
    held = claimed(engine, accept(engine, "cat").job.id)
    applied = [{"concept": "cat", "digest": digest_of_bytes(b"cat")}, {"concept": "bee", "digest": BASE}]
    records: Any = [{"prompt": "a cat", "base_digest": BASE, "increments": increments} for increments in ([], applied)]
    shown = [replace(picture(seed), record=record) for seed, record in enumerate(records)]
    with writing(engine) as session:
        assert jobs.fail(session, held, cast("ProblemDocument", {"title": "Still seen"}), shown)
    problem = get_job(engine, held.job_id).problem
    assert problem is not None
    without, under = problem["pictures"]
    assert problem == {"title": "Still seen", "pictures": [without, under]}
    assert (without["erased"], under["erased"]) == (False, True)
    with reading(engine) as session:
        rows = [images.get(session, one["id"]) for one in (without, under)]
        (event,) = jobs.events_after(session, held.job_id, 0)
    assert event.data == {"problem": problem}
    assert [images.document(row) | {"erased": row is rows[1]} for row in rows] == [without, under]
    assert [(row.job_id, row.actor, row.base_digest) for row in rows] == [(held.job_id, HOLDER, BASE)] * 2
    named: list[MaskedConcept] = [{"name": each["concept"], "version": 0, "digest": each["digest"]} for each in applied]
    assert [row.mask for row in rows] == [concepts.mask_document([]), concepts.mask_document(named)]


def test_pictures_of_a_void_attempt_are_not_kept(engine: Engine) -> None:
    void = claimed(engine, accept(engine, "cat").job.id, lease_seconds=0.0)
    claimed(engine, void.job_id, "worker-2")
    record: Any = {"prompt": "a cat", "base_digest": BASE, "increments": []}
    problem: Any = {"title": "Still seen"}
    with writing(engine) as session:
        assert not jobs.fail(session, void, problem, [replace(picture(1), record=record)])
        assert session.scalars(select(Image)).all() == []


def test_a_released_job_waits_again_and_its_fence_stands(engine: Engine) -> None:
    job = enqueue_generation(engine)
    first = claimed(engine, job.id)
    with writing(engine) as session:
        assert jobs.release(session, first)
    assert get_job(engine, job.id).state == "queued"
    assert not renew(engine, first)
    second = claimed(engine, job.id, "worker-2")
    assert second.attempt == 2
    assert get_job(engine, job.id).losses == 0


def test_a_job_to_be_cancelled_ends_where_its_worker_stops(engine: Engine) -> None:
    job = enqueue_generation(engine)
    held = claimed(engine, job.id)
    with writing(engine) as session:
        jobs.request_cancel(session, job.id)
        assert jobs.release(session, held)
    assert get_job(engine, job.id).state == "cancelled"


def test_a_job_to_be_cancelled_is_not_claimed_again(engine: Engine) -> None:
    job = enqueue_generation(engine)
    held = claimed(engine, job.id)
    with writing(engine) as session:
        jobs.request_cancel(session, job.id)
        assert jobs.cancel_requested(session, job.id)
    let_lease_run_out(engine, job.id)
    assert claim(engine, job.id, "worker-2") is None
    with writing(engine) as session:
        assert jobs.finish_cancelled(session, held)
    assert get_job(engine, job.id).state == "cancelled"


def test_nothing_is_cancelled_that_nobody_asked_to_cancel(engine: Engine) -> None:
    job = enqueue_generation(engine)
    with reading(engine) as session:
        assert not jobs.cancel_requested(session, job.id)
        assert not jobs.cancel_requested(session, "no-such-job")


def test_a_lease_counts_from_the_claim_and_not_from_when_its_transaction_began(engine: Engine) -> None:
    job = enqueue_generation(engine)
    with writing(engine) as session:
        began = types.now(session)
        time.sleep(0.3)
        assert jobs.claim(session, job.id, worker="worker-1", lease_seconds=1.0) is not None
    row = get_job(engine, job.id)
    assert row.lease_until is not None
    assert (row.lease_until - began).total_seconds() >= 1.3
