"""Prompts are protected on the demo model unless that weakens what is erased for good."""

from collections.abc import Callable

import pytest
from sqlalchemy.orm import Session

from sepme_core.registry import concepts, jobs, protected
from sepme_core.registry.database import reading, writing
from tests.worker.masks import publish, random_increment
from tests.worker.processes import answer, queued
from tests.worker.rows import CAT, accepted_erasure, claimed, events, problem, row, versions
from worker import protect
from worker.lease import Cancelled, Interrupted, Lease, LeaseLost
from worker.process import WorkerProcess

SHORT = {"max_steps": 2, "batch_size": 2}
UNRELATED = ["a penguin with an umbrella"]


@pytest.fixture
def worker(worker_with_cat: WorkerProcess) -> WorkerProcess:
    """A worker's belongings, and the cat erased for good."""
    accepted_erasure(worker_with_cat.engine, "cat", **CAT, irrevocable=True)
    return worker_with_cat


def asked(worker: WorkerProcess, name: str, prompts: list[str]) -> str:
    """The id of the job that is to protect prompts, as the front end accepts it."""
    with writing(worker.engine) as session:
        job = protected.accept(session, name, prompts, "tests").job
    assert job is not None
    return job.id


def stored(worker: WorkerProcess) -> dict[str, list[str]]:
    with reading(worker.engine) as session:
        return {entry["name"]: entry["prompts"] for entry in concepts.protected_prompts(session)}


def test_prompts_that_weaken_nothing_are_protected_and_what_is_erased_for_good_is_reprojected(
    worker: WorkerProcess,
) -> None:
    job_id = asked(worker, "our-mascot", UNRELATED)
    answer(worker, job_id)
    job = row(worker.engine, job_id)
    assert job.state == "succeeded", job.problem
    with reading(worker.engine) as session:
        assert job.result == protected.document(protected.get(session, "our-mascot"))
    assert "cat" in events(worker.engine, job_id)[0].data["message"]
    (reprojection,) = queued(worker)
    answer(worker, reprojection)
    assert row(worker.engine, reprojection).state == "succeeded", row(worker.engine, reprojection).problem
    current = versions(worker.engine, "cat")[-1]
    assert current.pinned["protected"] == [{"name": "our-mascot", "prompts": UNRELATED}]
    assert current.certificate["forgotten"]["forgotten"]
    with reading(worker.engine) as session:
        assert concepts.document(session, concepts.get(session, "cat"))["state"] == "erased"


@pytest.mark.parametrize(("name", "prompt"), [("our-mascot", "cat"), ("cat", "cat"), ("our-mascot", " Cat ")])
def test_the_words_of_what_is_erased_for_good_cannot_be_protected_under_any_name(
    worker: WorkerProcess, name: str, prompt: str
) -> None:
    job_id = asked(worker, name, [prompt])
    answer(worker, job_id)
    refused = problem(worker.engine, job_id)
    assert (refused["type"], refused["status"]) == ("irrevocable-weakened", 409)
    assert (refused["irrevocable"], refused["because"], refused["prompt"]) == ("cat", "same-words", prompt)
    assert stored(worker) == {}
    assert queued(worker) == set()
    assert len(versions(worker.engine, "cat")) == 1


def test_of_several_erasures_for_good_the_one_that_would_come_back_is_named(worker: WorkerProcess) -> None:
    answer(worker, accepted_erasure(worker.engine, "fish", options=SHORT, irrevocable=True))
    job_id = asked(worker, "our-mascot", ["a fish"])
    answer(worker, job_id)
    refused = problem(worker.engine, job_id)
    assert (refused["type"], refused["irrevocable"]) == ("irrevocable-weakened", "fish")
    assert "'fish'" in refused["detail"]
    assert refused["because"] == "effect-lost"
    assert refused["limit"] < refused["seen"] <= refused["of"]
    assert stored(worker) == {}


def test_prompts_whose_check_was_overtaken_by_an_erasure_for_good_are_held_against_that_too(
    worker: WorkerProcess,
) -> None:
    held = claimed(worker.engine, asked(worker, "our-mascot", UNRELATED))
    with writing(worker.engine) as session:
        assert protected.pin(session, held) is not None
    publish(worker, random_increment(worker.base, "fox"), irrevocable=True)
    with writing(worker.engine) as session:
        assert not protected.publish(session, held)
    job = row(worker.engine, held.job_id)
    assert (job.state, [each["name"] for each in job.pinned["irrevocable"]]) == ("queued", ["cat", "fox"])
    assert stored(worker) == {}
    assert job.id in queued(worker)


def cancel(session: Session, job_id: str) -> None:
    jobs.request_cancel(session, job_id)


def delete(session: Session, _job_id: str) -> None:
    protected.give_up(session, "our-mascot", "tests")


@pytest.mark.parametrize(("call_off", "end"), [(cancel, Cancelled), (delete, LeaseLost)])
def test_a_protection_that_is_called_off_ends_at_its_next_step(
    worker: WorkerProcess, call_off: Callable[[Session, str], None], end: type[Interrupted]
) -> None:
    held = claimed(worker.engine, asked(worker, "our-mascot", UNRELATED))
    with writing(worker.engine) as session:
        call_off(session, held.job_id)
    with pytest.raises(end), Lease(worker.engine, held, seconds=8, drain=worker.drain) as lease:
        protect.run(worker, lease)
    assert stored(worker) == {}


def test_a_void_attempt_protects_nothing(worker: WorkerProcess) -> None:
    job_id = asked(worker, "our-mascot", UNRELATED)
    void = claimed(worker.engine, job_id, lease_seconds=0.0)
    assert claimed(worker.engine, job_id).attempt == 2
    with pytest.raises(LeaseLost):
        protect.run(worker, Lease(worker.engine, void, seconds=8, drain=worker.drain))
    assert (row(worker.engine, job_id).state, stored(worker)) == ("running", {})
