"""A stored increment is brought to what became known later, on the demo model."""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import pytest

from sepme_core.documents.requests import AskedErasure
from sepme_core.erasure import ErasureCache, KnownConcept, MadeIncrement, recertify, run_to_end
from sepme_core.erasure import reproject as project
from sepme_core.increments.increment import Increment
from sepme_core.registry import concepts, jobs, protected
from sepme_core.registry.database import reading, writing
from tests.worker.masks import publish, random_increment
from tests.worker.processes import another, answer, queued, work_off
from tests.worker.rows import accepted_erasure, claimed, events, row, versions
from worker import reproject, work
from worker.lease import Lease, LeaseLost
from worker.process import WorkerProcess

SHORT = {"max_steps": 2, "batch_size": 2}
NAMES = ("cat", "fish", "key")
INK = KnownConcept("ink", "style", ("ink",))


def erase(worker: WorkerProcess, name: str) -> None:
    job_id = accepted_erasure(worker.engine, name, options=SHORT)
    answer(worker, job_id)
    assert row(worker.engine, job_id).state == "succeeded", row(worker.engine, job_id).problem


def due(worker: WorkerProcess) -> dict[str, str]:
    """The ids of the re-projections that are queued, by concept."""
    with reading(worker.engine) as session:
        listed = jobs.page_of_texts(session, None, 50, kind="reproject", state="queued").items
        queued = [jobs.get(session, each.id) for each in listed]
    return {str(job.concept): job.id for job in queued}


def arrive(worker: WorkerProcess, name: str, kind: str = "object") -> None:
    """Another concept is decided and given back; what of it matters to the others is how it is said."""
    publish(worker, random_increment(worker.base, name), kind=kind)
    with writing(worker.engine) as session:
        concepts.restore(session, name, "tests")


def digests(worker: WorkerProcess, *names: str) -> list[str]:
    return [versions(worker.engine, name)[-1].digest for name in names]


def directly(worker: WorkerProcess, digest: str, known: Sequence[KnownConcept]) -> MadeIncrement:
    """What the method makes of a stored increment without a service."""
    trained = Increment.from_bytes(worker.blobs.get(digest), base=worker.base)
    return run_to_end(project(worker.base, trained, known, [], worker.cache))


def test_a_late_concept_has_the_older_ones_reprojected_as_the_method_does_it(worker: WorkerProcess) -> None:
    erase(worker, "cat")
    arrive(worker, "ink", "style")
    job_id = due(worker)["cat"]
    answer(worker, job_id)
    job = row(worker.engine, job_id)
    assert (job.kind, job.state) == ("reproject", "succeeded"), job.problem
    trained, current = versions(worker.engine, "cat")
    expected = directly(worker, trained.digest, [INK])
    assert current.digest == expected.increment.digest
    assert current.reason == expected.reason
    assert worker.blobs.get(current.digest) == expected.increment.to_bytes()
    assert current.settings == trained.settings
    assert current.pinned == {"known": [{"name": "ink", "kind": "style", "prompts": ["ink"]}], "protected": []}
    assert current.certificate["leak"]["concept"] == "ink"
    assert current.certificate["seconds"] > 0
    assert [picture["erased"] for picture in current.certificate["pictures"]] == [False] * 3 + [True] * 3
    assert due(worker) == {}
    assert [event.kind for event in events(worker.engine, job_id)][-1] == "succeeded"


def test_a_reprojected_increment_reaches_the_late_concept_less(worker: WorkerProcess) -> None:
    erase(worker, "cat")
    arrive(worker, "fish")
    answer(worker, due(worker)["cat"])
    leaks = [leak_on_fish(worker, version.digest) for version in versions(worker.engine, "cat")]
    print(f"leak on fish before {leaks[0]:.4f}, after {leaks[1]:.4f}")
    assert leaks[1] < 0.7 * leaks[0]


def leak_on_fish(worker: WorkerProcess, digest: str) -> float:
    increment = Increment.from_bytes(worker.blobs.get(digest), base=worker.base)
    fish = KnownConcept("fish", "object", ("fish",))
    return float(recertify(worker.base, increment, [fish], [], worker.cache)["leak"]["by_concept"]["fish"])


def test_the_order_of_late_arrivals_leaves_no_trace_in_the_bytes(new_registry: Callable[[], WorkerProcess]) -> None:
    made = []
    for order in (("fish", "key"), ("key", "fish")):
        worker = new_registry()
        erase(worker, "cat")
        for name in order:
            arrive(worker, name)
            answer(worker, due(worker)["cat"])
        reasons = [version.reason for version in versions(worker.engine, "cat")]
        assert len(reasons) == 3
        assert "erased" not in reasons[1:]
        made.append(digests(worker, "cat"))
    assert made[0] == made[1]


def test_concepts_accepted_together_are_the_same_bytes_whatever_the_order(
    new_registry: Callable[[], WorkerProcess],
) -> None:
    made = []
    for accepted, done in ((NAMES, ("key", "cat", "fish")), (("fish", "key", "cat"), NAMES)):
        worker = new_registry()
        job_ids = accept_all(worker, accepted)
        for name in done:
            answer(worker, job_ids[name])
        work_off(worker)
        assert due(worker) == {}
        made.append(digests(worker, *NAMES))
    assert made[0] == made[1]


@pytest.mark.slow
def test_two_workers_at_once_make_the_bytes_that_one_makes(new_registry: Callable[[], WorkerProcess]) -> None:
    """Neither has the other's memory of the model."""
    one, first = new_registry(), new_registry()
    second = replace(another(first, "worker-2"), cache=ErasureCache(first.base, first.cache.classifier))
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


def accept_all(worker: WorkerProcess, names: Iterable[str]) -> dict[str, str]:
    bodies: list[AskedErasure] = [{"name": name, "kind": "object", "options": SHORT} for name in names]
    with writing(worker.engine) as session:
        return {one.concept.name: one.job.id for one in concepts.accept_erasures(session, bodies, "tests")}


def test_an_effect_that_cannot_be_kept_leaves_the_old_version_serving_and_is_not_tried_again(
    worker: WorkerProcess,
) -> None:
    erase(worker, "cat")
    (trained,) = versions(worker.engine, "cat")
    with writing(worker.engine) as session:
        protected.put(session, "our-mascot", ["cat"], "tests")
    job_id = due(worker)["cat"]
    answer(worker, job_id)
    job = row(worker.engine, job_id)
    assert job.state == "failed"
    assert job.problem is not None
    assert job.problem["type"] == "/problems/effect-lost"
    assert job.problem["limit"] == trained.certificate["forgotten"]["seen"]
    assert job.problem["limit"] < job.problem["seen"] <= job.problem["of"] == 6
    assert [version.digest for version in versions(worker.engine, "cat")] == [trained.digest]
    with reading(worker.engine) as session:
        assert concepts.document(session, concepts.get(session, "cat"))["state"] == "erased"
    with writing(worker.engine) as session:
        jobs.enqueue_reprojections(session)
    assert due(worker) == {}


def test_a_trained_version_that_is_damaged_is_named_and_nothing_is_published(worker: WorkerProcess) -> None:
    digest = publish(worker, random_increment(worker.base, "cat"))
    publish(worker, random_increment(worker.base, "fox"))
    worker.blobs.delete(digest)
    job_id = due(worker)["cat"]
    answer(worker, job_id)
    job = row(worker.engine, job_id)
    assert job.state == "failed"
    assert job.problem is not None
    assert (job.problem["type"], job.problem["concept"]) == ("/problems/increment-damaged", "cat")
    assert len(versions(worker.engine, "cat")) == 1


def test_a_void_attempt_publishes_nothing(worker: WorkerProcess) -> None:
    erase(worker, "cat")
    arrive(worker, "ink", "style")
    job_id = due(worker)["cat"]
    void = claimed(worker.engine, job_id, lease_seconds=0.0)
    assert claimed(worker.engine, job_id).attempt == 2
    with pytest.raises(LeaseLost):
        reproject.run(worker, Lease(worker.engine, void, seconds=8, drain=worker.drain))
    assert len(versions(worker.engine, "cat")) == 1


def test_an_erasure_that_waits_goes_before_a_reprojection_which_is_then_done_by_the_same_look(
    worker: WorkerProcess,
) -> None:
    erase(worker, "cat")
    arrive(worker, "ink", "style")
    (waits,) = queued(worker)
    asked_for = accepted_erasure(worker.engine, "fish", options=SHORT)
    assert work.do_next(worker, lambda: None)
    assert row(worker.engine, asked_for).state == "succeeded", row(worker.engine, asked_for).problem
    assert (row(worker.engine, waits).state, row(worker.engine, waits).attempt) == ("queued", 0)
    assert waits in queued(worker)
    work_off(worker)
    assert row(worker.engine, asked_for).attempt == 1
    assert row(worker.engine, waits).state == "succeeded", row(worker.engine, waits).problem
    current = versions(worker.engine, "cat")[-1]
    assert [known["name"] for known in current.pinned["known"]] == ["fish", "ink"]
