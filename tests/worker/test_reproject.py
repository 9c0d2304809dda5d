"""A stored increment is brought to what became known later, on the demo model."""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import pytest

from sepme_core.erasure import ErasureCache, KnownConcept, MadeIncrement, recertify, run_to_end
from sepme_core.erasure import reproject as project
from sepme_core.increments.increment import Increment
from sepme_core.registry import concepts, jobs, protected
from sepme_core.registry.database import reading, writing
from tests.worker.masks import publish, random_increment
from tests.worker.residents import another, answer, queued, work_off
from tests.worker.rows import accepted_erasure, claimed, events, row, versions
from worker import reproject, work
from worker.lease import Lease, LeaseLost
from worker.state import WorkerState

SHORT = {"max_steps": 2, "batch_size": 2}
NAMES = ("cat", "fish", "key")
INK = KnownConcept("ink", "style", ("ink",))


def erase(resident: WorkerState, name: str) -> None:
    job_id = accepted_erasure(resident.engine, name, options=SHORT)
    answer(resident, job_id)
    assert row(resident.engine, job_id).state == "succeeded", row(resident.engine, job_id).problem


def due(resident: WorkerState) -> dict[str, str]:
    """The ids of the re-projections that are queued, by concept."""
    with reading(resident.engine) as session:
        queued = jobs.list_page(session, None, 50, kind="reproject", state="queued").items
    return {str(job.concept): job.id for job in queued}


def arrive(resident: WorkerState, name: str, kind: str = "object") -> None:
    """Another concept is decided and given back; what of it matters to the others is how it is said."""
    publish(resident, random_increment(resident.base, name), kind=kind)
    with writing(resident.engine) as session:
        concepts.restore(session, name, "tests")


def digests(resident: WorkerState, *names: str) -> list[str]:
    return [versions(resident.engine, name)[-1].digest for name in names]


def directly(resident: WorkerState, digest: str, known: Sequence[KnownConcept]) -> MadeIncrement:
    """What the method makes of a stored increment without a service."""
    trained = Increment.from_bytes(resident.blobs.get(digest), base=resident.base)
    return run_to_end(project(resident.base, trained, known, [], resident.shared))


def test_a_late_concept_has_the_older_ones_reprojected_as_the_method_does_it(resident: WorkerState) -> None:
    erase(resident, "cat")
    arrive(resident, "ink", "style")
    job_id = due(resident)["cat"]
    answer(resident, job_id)
    job = row(resident.engine, job_id)
    assert (job.kind, job.state) == ("reproject", "succeeded"), job.problem
    trained, current = versions(resident.engine, "cat")
    expected = directly(resident, trained.digest, [INK])
    assert current.digest == expected.increment.digest
    assert current.reason == expected.reason
    assert resident.blobs.get(current.digest) == expected.increment.to_bytes()
    assert current.settings == trained.settings
    assert current.pinned == {"known": [{"name": "ink", "kind": "style", "prompts": ["ink"]}], "protected": []}
    assert current.certificate["leak"]["concept"] == "ink"
    assert current.certificate["seconds"] > 0
    assert [picture["erased"] for picture in current.certificate["pictures"]] == [False] * 3 + [True] * 3
    assert due(resident) == {}
    assert [event.kind for event in events(resident.engine, job_id)][-1] == "succeeded"


def test_a_reprojected_increment_reaches_the_late_concept_less(resident: WorkerState) -> None:
    erase(resident, "cat")
    arrive(resident, "fish")
    answer(resident, due(resident)["cat"])
    leaks = [leak_on_fish(resident, version.digest) for version in versions(resident.engine, "cat")]
    print(f"leak on fish before {leaks[0]:.4f}, after {leaks[1]:.4f}")
    assert leaks[1] < 0.7 * leaks[0]


def leak_on_fish(resident: WorkerState, digest: str) -> float:
    increment = Increment.from_bytes(resident.blobs.get(digest), base=resident.base)
    fish = KnownConcept("fish", "object", ("fish",))
    return float(recertify(resident.base, increment, [fish], [], resident.shared)["leak"]["by_concept"]["fish"])


def test_the_order_of_late_arrivals_leaves_no_trace_in_the_bytes(new_registry: Callable[[], WorkerState]) -> None:
    made = []
    for order in (("fish", "key"), ("key", "fish")):
        resident = new_registry()
        erase(resident, "cat")
        for name in order:
            arrive(resident, name)
            answer(resident, due(resident)["cat"])
        reasons = [version.reason for version in versions(resident.engine, "cat")]
        assert len(reasons) == 3
        assert "erased" not in reasons[1:]
        made.append(digests(resident, "cat"))
    assert made[0] == made[1]


def test_concepts_accepted_together_are_the_same_bytes_whatever_the_order(
    new_registry: Callable[[], WorkerState],
) -> None:
    made = []
    for accepted, done in ((NAMES, ("key", "cat", "fish")), (("fish", "key", "cat"), NAMES)):
        resident = new_registry()
        job_ids = accept_all(resident, accepted)
        for name in done:
            answer(resident, job_ids[name])
        work_off(resident)
        assert due(resident) == {}
        made.append(digests(resident, *NAMES))
    assert made[0] == made[1]


@pytest.mark.slow
def test_two_workers_at_once_make_the_bytes_that_one_makes(new_registry: Callable[[], WorkerState]) -> None:
    """Neither has the other's memory of the model."""
    one, first = new_registry(), new_registry()
    second = replace(another(first, "worker-2"), shared=ErasureCache(first.base, first.shared.classifier))
    alone, together = accept_all(one, NAMES), accept_all(first, reversed(NAMES))
    for name in NAMES:
        answer(one, alone[name])
    other = threading.Thread(target=answer, args=(second, together["fish"]))
    other.start()
    answer(first, together["key"])
    answer(first, together["cat"])
    other.join()
    work_off(first)
    assert digests(one, *NAMES) == digests(first, *NAMES)
    assert due(first) == {}


def accept_all(resident: WorkerState, names: Iterable[str]) -> dict[str, str]:
    bodies = [{"name": name, "kind": "object", "options": SHORT} for name in names]
    with writing(resident.engine) as session:
        return {one.concept.name: one.job.id for one in concepts.accept_erasures(session, bodies, "tests")}


def test_an_effect_that_cannot_be_kept_leaves_the_old_version_serving_and_is_not_tried_again(
    resident: WorkerState,
) -> None:
    erase(resident, "cat")
    (trained,) = versions(resident.engine, "cat")
    with writing(resident.engine) as session:
        protected.put(session, "our-mascot", ["cat"], "tests")
    job_id = due(resident)["cat"]
    answer(resident, job_id)
    job = row(resident.engine, job_id)
    assert job.state == "failed"
    assert job.problem is not None
    assert job.problem["type"] == "/problems/effect-lost"
    assert job.problem["limit"] == trained.certificate["forgotten"]["seen"]
    assert job.problem["limit"] < job.problem["seen"] <= job.problem["of"] == 6
    assert [version.digest for version in versions(resident.engine, "cat")] == [trained.digest]
    with reading(resident.engine) as session:
        assert concepts.document(session, concepts.get(session, "cat"))["state"] == "erased"
    with writing(resident.engine) as session:
        jobs.enqueue_reprojections(session)
    assert due(resident) == {}


def test_a_trained_version_that_is_damaged_is_named_and_nothing_is_published(resident: WorkerState) -> None:
    digest = publish(resident, random_increment(resident.base, "cat"))
    publish(resident, random_increment(resident.base, "fox"))
    resident.blobs.delete(digest)
    job_id = due(resident)["cat"]
    answer(resident, job_id)
    job = row(resident.engine, job_id)
    assert job.state == "failed"
    assert job.problem is not None
    assert (job.problem["type"], job.problem["concept"]) == ("/problems/increment-damaged", "cat")
    assert len(versions(resident.engine, "cat")) == 1


def test_a_void_attempt_publishes_nothing(resident: WorkerState) -> None:
    erase(resident, "cat")
    arrive(resident, "ink", "style")
    job_id = due(resident)["cat"]
    void = claimed(resident.engine, job_id, lease_seconds=0.0)
    assert claimed(resident.engine, job_id).attempt == 2
    with pytest.raises(LeaseLost):
        reproject.run(resident, Lease(resident.engine, void, seconds=8, drain=resident.drain))
    assert len(versions(resident.engine, "cat")) == 1


def test_an_erasure_that_waits_goes_before_a_reprojection_which_is_then_done_by_the_same_look(
    resident: WorkerState,
) -> None:
    erase(resident, "cat")
    arrive(resident, "ink", "style")
    (waits,) = queued(resident)
    asked_for = accepted_erasure(resident.engine, "fish", options=SHORT)
    assert work.do_next(resident, lambda: None)
    assert row(resident.engine, asked_for).state == "succeeded", row(resident.engine, asked_for).problem
    assert (row(resident.engine, waits).state, row(resident.engine, waits).attempt) == ("queued", 0)
    assert waits in queued(resident)
    work_off(resident)
    assert row(resident.engine, asked_for).attempt == 1
    assert row(resident.engine, waits).state == "succeeded", row(resident.engine, waits).problem
    current = versions(resident.engine, "cat")[-1]
    assert [known["name"] for known in current.pinned["known"]] == ["fish", "ink"]
