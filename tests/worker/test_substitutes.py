"""What is drawn instead of an erased concept is never erased itself."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, event, select

from sepme_core.registry import concepts
from sepme_core.registry.database import reading, writing
from sepme_core.registry.tables import Increment
from tests.sepme.processes import until
from tests.worker.pictures import drawn
from tests.worker.processes import answer, queued, work_off
from tests.worker.rows import accepted_erasure, audited, events, problem, row, versions
from worker.process import WorkerProcess

FEEBLE = {"start": "zero", "max_steps": 1, "batch_size": 1, "pictures": 4}
"""One step from nowhere, by which nothing is erased."""


def substitute(worker: WorkerProcess, name: str, version: int) -> str | None:
    """The phrase that a version draws instead of its concept."""
    phrase: str | None = versions(worker.engine, name)[version - 1].certificate["substitute"]["phrase"]
    return phrase


def erase(worker: WorkerProcess, name: str, **body: object) -> str:
    """The id of the job that has erased a concept."""
    job_id = accepted_erasure(worker.engine, name, **body)
    work_off(worker)
    assert row(worker.engine, job_id).state == "succeeded", row(worker.engine, job_id).problem
    return job_id


@contextmanager
def counted_at_commits(worker: WorkerProcess, *names: str) -> Iterator[set[tuple[int, ...]]]:
    """How many versions of these concepts there are whenever a transaction ends."""
    counts: set[tuple[int, ...]] = set()

    def count(connection: Connection) -> None:
        stored = [each for (each,) in connection.execute(select(Increment.concept))]
        counts.add(tuple(stored.count(name) for name in names))

    event.listen(worker.engine, "commit", count)
    try:
        yield counts
    finally:
        event.remove(worker.engine, "commit", count)


@pytest.mark.slow
def test_when_a_substitute_is_erased_what_draws_it_is_made_again_by_the_same_job(
    worker_with_cat: WorkerProcess,
) -> None:
    worker = worker_with_cat
    assert substitute(worker, "cat", 1) == "heart"
    with counted_at_commits(worker, "heart", "cat") as counts:
        job_id = erase(worker, "heart")
    assert counts == {(0, 1), (1, 2)}, "both are there at once"
    assert [each.reason for each in versions(worker.engine, "cat")] == ["erased", "substituted"]
    assert substitute(worker, "cat", 2) not in (None, "heart", "cat")
    assert versions(worker.engine, "cat")[1].job_id == job_id
    *_, erased, made_again = audited(worker.engine, "erase", "substitute")
    assert [(each.action, each.concept, each.details["job"]) for each in (erased, made_again)] == [
        ("erase", "heart", job_id),
        ("substitute", "cat", job_id),
    ]
    assert made_again.sequence == erased.sequence + 1
    assert [each.digest for each in versions(worker.engine, "cat")] == [
        made_again.from_digest,
        made_again.to_digest,
    ]
    assert {"cat", "heart"}.isdisjoint(drawn(worker, "a cat"))


def test_what_is_restored_is_made_again_too_and_stays_restored(worker_with_cat: WorkerProcess) -> None:
    worker = worker_with_cat
    with writing(worker.engine) as session:
        concepts.restore(session, "cat", "tests")
    erase(worker, "heart")
    assert [each.reason for each in versions(worker.engine, "cat")] == ["erased", "substituted"]
    assert substitute(worker, "cat", 2) != "heart"
    with reading(worker.engine) as session:
        cat = concepts.get(session, "cat")
        assert (cat.state, cat.version) == ("restored", 2)


@pytest.mark.slow
def test_what_was_published_by_an_override_does_not_hold_up_the_erasure_of_its_substitute(
    worker: WorkerProcess,
) -> None:
    """It is made again as it was asked for: seen, and marked so."""
    erase(worker, "cat", options=FEEBLE, override=True, substitute="heart")
    erase(worker, "heart", options={"pictures": 4})
    made = versions(worker.engine, "cat")
    assert [each.reason for each in made] == ["erased", "substituted"]
    assert [each.certificate["overridden"] for each in made] == [["not-forgotten"]] * 2
    assert substitute(worker, "cat", 2) != "heart"


def test_a_substitute_that_is_erased_cannot_be_asked_for(worker_with_cat: WorkerProcess) -> None:
    worker = worker_with_cat
    job_id = accepted_erasure(worker.engine, "fish", substitute="a cat")
    answer(worker, job_id)
    refused = problem(worker.engine, job_id)
    assert (refused["type"], refused["status"]) == ("substitute-erased", 409)
    assert (refused["substitute"], refused["erased"]) == ("a cat", "cat")
    assert versions(worker.engine, "fish") == []


@pytest.mark.slow
def test_an_increment_whose_substitute_is_asked_to_be_erased_meanwhile_is_made_again_before_it_is_published(
    worker: WorkerProcess,
) -> None:
    first = chosen_alone(worker)
    job_id = accepted_erasure(worker.engine, "fish")
    answering = threading.Thread(target=answer, args=(worker, job_id))
    answering.start()
    until(lambda: bool(events(worker.engine, job_id)), seconds=60)
    accepted_erasure(worker.engine, first)
    answering.join()
    assert (row(worker.engine, job_id).state, row(worker.engine, job_id).losses) == ("queued", 0)
    assert versions(worker.engine, "fish") == []
    assert job_id in queued(worker)
    answer(worker, job_id)
    assert row(worker.engine, job_id).state == "succeeded", row(worker.engine, job_id).problem
    assert substitute(worker, "fish", 1) not in (None, first)


def chosen_alone(worker: WorkerProcess) -> str:
    """What is drawn instead of the fish where nothing else is erased."""
    erase(worker, "fish")
    phrase = substitute(worker, "fish", 1)
    with writing(worker.engine) as session:
        concepts.purge(session, "fish", "tests")
    assert phrase is not None
    return phrase
