"""What is drawn instead of an erased concept is never erased itself."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, event, select

from sepme_core.registry import concepts
from sepme_core.registry.database import reading, writing
from sepme_core.registry.tables import Increment
from tests.sepme.processes import until
from tests.worker.pictures import drawn
from tests.worker.residents import answer, queued, work_off
from tests.worker.rows import accepted_erasure, audited, events, problem, row, versions
from worker.state import WorkerState

FEEBLE = {"start": "zero", "max_steps": 1, "batch_size": 1, "pictures": 4}
"""One step from nowhere, by which nothing is erased."""


def substitute(resident: WorkerState, name: str, version: int) -> str | None:
    """The phrase that a version draws instead of its concept."""
    phrase: str | None = versions(resident.engine, name)[version - 1].certificate["substitute"]["phrase"]
    return phrase


def erase(resident: WorkerState, name: str, **body: object) -> str:
    """The id of the job that has erased a concept."""
    job_id = accepted_erasure(resident.engine, name, **body)
    work_off(resident)
    assert row(resident.engine, job_id).state == "succeeded", row(resident.engine, job_id).problem
    return job_id


@contextmanager
def counted_at_commits(resident: WorkerState, *names: str) -> Iterator[set[tuple[int, ...]]]:
    """How many versions of these concepts there are whenever a transaction ends."""
    counts: set[tuple[int, ...]] = set()

    def count(connection: Connection) -> None:
        stored = [each for (each,) in connection.execute(select(Increment.concept))]
        counts.add(tuple(stored.count(name) for name in names))

    event.listen(resident.engine, "commit", count)
    try:
        yield counts
    finally:
        event.remove(resident.engine, "commit", count)


def test_when_a_substitute_is_erased_what_draws_it_is_made_again_by_the_same_job(
    resident_with_cat: WorkerState,
) -> None:
    resident = resident_with_cat
    assert substitute(resident, "cat", 1) == "heart"
    with counted_at_commits(resident, "heart", "cat") as counts:
        job_id = erase(resident, "heart")
    assert counts == {(0, 1), (1, 2)}, "both are there at once"
    assert [each.reason for each in versions(resident.engine, "cat")] == ["erased", "substituted"]
    assert substitute(resident, "cat", 2) not in (None, "heart", "cat")
    assert versions(resident.engine, "cat")[1].job_id == job_id
    *_, erased, made_again = audited(resident.engine, "erase", "substitute")
    assert [(each.action, each.concept, each.details["job"]) for each in (erased, made_again)] == [
        ("erase", "heart", job_id),
        ("substitute", "cat", job_id),
    ]
    assert made_again.sequence == erased.sequence + 1
    assert [each.digest for each in versions(resident.engine, "cat")] == [
        made_again.from_digest,
        made_again.to_digest,
    ]
    assert {"cat", "heart"}.isdisjoint(drawn(resident, "a cat"))


def test_what_is_restored_is_made_again_too_and_stays_restored(resident_with_cat: WorkerState) -> None:
    resident = resident_with_cat
    with writing(resident.engine) as session:
        concepts.restore(session, "cat", "tests")
    erase(resident, "heart")
    assert [each.reason for each in versions(resident.engine, "cat")] == ["erased", "substituted"]
    assert substitute(resident, "cat", 2) != "heart"
    with reading(resident.engine) as session:
        cat = concepts.get(session, "cat")
        assert (cat.state, cat.version) == ("restored", 2)


def test_what_was_published_by_an_override_does_not_hold_up_the_erasure_of_its_substitute(
    resident: WorkerState,
) -> None:
    """It is made again as it was asked for: seen, and marked so."""
    erase(resident, "cat", options=FEEBLE, override=True, substitute="heart")
    erase(resident, "heart", options={"pictures": 4})
    made = versions(resident.engine, "cat")
    assert [each.reason for each in made] == ["erased", "substituted"]
    assert [each.certificate["overridden"] for each in made] == [["not-forgotten"]] * 2
    assert substitute(resident, "cat", 2) != "heart"


def test_a_substitute_that_is_erased_cannot_be_asked_for(resident_with_cat: WorkerState) -> None:
    resident = resident_with_cat
    job_id = accepted_erasure(resident.engine, "fish", substitute="a cat")
    answer(resident, job_id)
    refused = problem(resident.engine, job_id)
    assert (refused["type"], refused["status"]) == ("substitute-erased", 409)
    assert (refused["substitute"], refused["erased"]) == ("a cat", "cat")
    assert versions(resident.engine, "fish") == []


def test_an_increment_whose_substitute_is_asked_to_be_erased_meanwhile_is_made_again_before_it_is_published(
    resident: WorkerState,
) -> None:
    first = chosen_alone(resident)
    job_id = accepted_erasure(resident.engine, "fish")
    answering = threading.Thread(target=answer, args=(resident, job_id))
    answering.start()
    until(lambda: bool(events(resident.engine, job_id)), seconds=60)
    accepted_erasure(resident.engine, first)
    answering.join()
    assert (row(resident.engine, job_id).state, row(resident.engine, job_id).losses) == ("queued", 0)
    assert versions(resident.engine, "fish") == []
    assert job_id in queued(resident)
    answer(resident, job_id)
    assert row(resident.engine, job_id).state == "succeeded", row(resident.engine, job_id).problem
    assert substitute(resident, "fish", 1) not in (None, first)


def chosen_alone(resident: WorkerState) -> str:
    """What is drawn instead of the fish where nothing else is erased."""
    erase(resident, "fish")
    phrase = substitute(resident, "fish", 1)
    with writing(resident.engine) as session:
        concepts.purge(session, "fish", "tests")
    assert phrase is not None
    return phrase
