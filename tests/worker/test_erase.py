import hashlib
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select

from sepme_core.documents.requests import AskedErasure
from sepme_core.erasure import ErasureRequest, ErasureSettings, KnownConcept, erase_together, run_to_end
from sepme_core.erasure import erase as optimise
from sepme_core.increments.increment import Increment
from sepme_core.provenance.inspection import inspect
from sepme_core.registry import concepts, images, jobs, protected
from sepme_core.registry.database import reading, writing
from sepme_core.registry.tables import Image as ImageRow
from tests.sepme.processes import until
from tests.worker.masks import publish, random_increment
from tests.worker.pictures import seen
from tests.worker.processes import answer, queued
from tests.worker.rows import accepted_erasure, claimed, events, problem, row, versions
from worker import erase, work
from worker.lease import Drain, Lease, LeaseLost
from worker.process import WorkerProcess

SHORT = {"max_steps": 2, "batch_size": 2}
LONG = {"start": "zero", "learning_rate": 1e-8, "threshold": 0.0, "max_steps": 10_000, "batch_size": 1}
FEEBLE = {"start": "zero", "max_steps": 1, "batch_size": 1, "target": "counterpart"}
"""One step from nowhere, by which nothing is erased; and no other substitutes are tried."""


def directly(worker: WorkerProcess, name: str, known: list[KnownConcept]) -> Increment:
    """The increment as the method makes it without a service."""
    return run_to_end(optimise(worker.base, asked_for(name), known, [], cache=worker.cache)).increment


def asked_for(name: str) -> ErasureRequest:
    """What a job with the options `SHORT` asks for, in the method's terms."""
    return ErasureRequest(name, "object", (name,), settings=ErasureSettings.from_options(SHORT))


def test_an_erasure_publishes_the_increment_that_the_method_makes_whatever_its_case(worker: WorkerProcess) -> None:
    job_id = accepted_erasure(worker.engine, "cat", options=SHORT, case="2026-0117", reason="a notice")
    answer(worker, job_id)
    job = row(worker.engine, job_id)
    assert job.state == "succeeded", job.problem
    (version,) = versions(worker.engine, "cat")
    expected = directly(worker, "cat", [])
    assert version.digest == expected.digest
    assert worker.blobs.get(version.digest) == expected.to_bytes()
    assert version.bytes == len(expected.to_bytes())
    assert version.certificate.items() >= dict(expected.certificate).items()
    assert version.certificate["seconds"] > 0
    assert version.certificate.items() >= {"case": "2026-0117", "stated_reason": "a notice"}.items()
    assert version.settings == ErasureSettings.from_options(SHORT).to_options()
    assert job.result is not None
    assert job.result["state"] == "erased"


def test_concepts_accepted_together_know_each_other_and_are_made_in_their_order(worker: WorkerProcess) -> None:
    cat, fish = accepted_together(worker, "cat", "fish")
    assert work.do_next(worker, lambda: None)
    assert (row(worker.engine, cat).state, row(worker.engine, fish).state) == ("succeeded", "queued")
    (made,) = versions(worker.engine, "cat")
    assert made.digest == directly(worker, "cat", [KnownConcept("fish", "object", ("fish",), erased=True)]).digest
    assert made.digest != directly(worker, "cat", []).digest


def accepted_together(worker: WorkerProcess, *names: str, joint: bool = False) -> list[str]:
    """The ids of the jobs that erase several concepts, in their order."""
    bodies: list[AskedErasure] = [{"name": name, "kind": "object", "options": SHORT} for name in names]
    with writing(worker.engine) as session:
        return [one.job.id for one in concepts.accept_erasures(session, bodies, "tests", joint=joint)]


def test_the_evidence_of_an_erasure_is_stored_as_it_was_drawn(worker: WorkerProcess) -> None:
    job_id = accepted_erasure(worker.engine, "cat", options=SHORT)
    answer(worker, job_id)
    (version,) = versions(worker.engine, "cat")
    listed = version.certificate["pictures"]
    assert [picture["erased"] for picture in listed] == [False] * 3 + [True] * 3
    for picture in listed:
        with reading(worker.engine) as session:
            image = images.get(session, picture["id"])
        assert (image.job_id, image.sha256, image.record["prompt"]) == (job_id, picture["sha256"], picture["prompt"])
        assert [masked["digest"] for masked in image.mask["concepts"]] == [version.digest] * picture["erased"]
        pixels = Image.open(BytesIO(worker.blobs.get(image.digest))).convert("RGB").tobytes()
        assert hashlib.sha256(pixels).hexdigest() == picture["sha256"]


def test_a_group_is_optimised_once_and_each_job_publishes_its_own_member(worker: WorkerProcess) -> None:
    first, second = accepted_together(worker, "fish", "cat", joint=True)
    for job_id in (first, second):
        answer(worker, job_id)
        assert row(worker.engine, job_id).state == "succeeded", row(worker.engine, job_id).problem
    together = erase_together(worker.base, [asked_for("cat"), asked_for("fish")], cache=worker.cache)
    expected = {name: made.increment.digest for name, made in run_to_end(together).items()}
    assert {name: versions(worker.engine, name)[0].digest for name in ("cat", "fish")} == expected
    assert [event.kind for event in events(worker.engine, second)] == ["succeeded"], "nothing was left to optimise"
    with reading(worker.engine) as session:
        assert jobs.page_of_texts(session, None, 10, kind="reproject").items == []


def test_what_would_undo_an_erasure_for_good_is_refused_and_names_it(worker: WorkerProcess) -> None:
    """Under the increment that is for good it is seen, by its rockets: so it is not the same under another name."""
    answer(worker, accepted_erasure(worker.engine, "cat", options=SHORT, irrevocable=True))
    job_id = accepted_erasure(worker.engine, "rocket", prompts=["rocket", "cat"], options=SHORT)
    answer(worker, job_id)
    refused = problem(worker.engine, job_id)
    assert (refused["type"], refused["status"]) == ("irrevocable-weakened", 409)
    assert (refused["irrevocable"], refused["because"]) == ("cat", "effect-lost")
    assert refused["limit"] < refused["seen"] <= refused["of"]
    assert versions(worker.engine, "rocket") == []
    assert len(versions(worker.engine, "cat")) == 1


def test_an_erasure_that_was_overtaken_by_one_for_good_publishes_nothing_and_is_queued_again(
    worker: WorkerProcess,
) -> None:
    job_id = accepted_erasure(worker.engine, "cat", options=SHORT)
    answering = threading.Thread(target=answer, args=(worker, job_id))
    answering.start()
    until(lambda: bool(events(worker.engine, job_id)), seconds=60)
    publish(worker, random_increment(worker.base, "fox"), irrevocable=True)
    answering.join()
    job = row(worker.engine, job_id)
    assert (job.state, [each["name"] for each in job.pinned["irrevocable"]]) == ("queued", ["fox"])
    assert versions(worker.engine, "cat") == []
    assert job_id in queued(worker)


def test_what_is_too_close_to_a_protected_prompt_is_refused_with_the_numbers_and_the_pictures(
    worker: WorkerProcess,
) -> None:
    with writing(worker.engine) as session:
        protected.put(session, "our-mascot", ["cat"], "tests")
    job_id = accepted_erasure(worker.engine, "cat", options=SHORT)
    answer(worker, job_id)
    refused = problem(worker.engine, job_id)
    assert (refused["type"], refused["status"], refused["closest"]) == ("concept-too-close", 409, "our-mascot")
    assert refused["overlap"] > 0.8
    assert 1 < refused["seen"] <= refused["of"]
    assert "cat" in looked_at(worker, refused)[3:]
    assert versions(worker.engine, "cat") == []


def looked_at(worker: WorkerProcess, refused: Mapping[str, Any]) -> list[str | None]:
    """What is seen in a refusal's pictures: three without the increment and three with it."""
    assert [each["erased"] for each in refused["pictures"]] == [False] * 3 + [True] * 3
    return seen(worker, [each["id"] for each in refused["pictures"]])


def test_what_would_still_be_seen_is_not_published_and_what_serves_goes_on_to_serve(
    worker_with_cat: WorkerProcess,
) -> None:
    worker = worker_with_cat
    job_id = accepted_erasure(worker.engine, "cat", options=FEEBLE)
    answer(worker, job_id)
    refused = problem(worker.engine, job_id)
    assert (refused["type"], refused["status"]) == ("not-forgotten", 409)
    assert (refused["seen"], refused["of"], refused["limit"]) == (6, 6, 1)
    assert looked_at(worker, refused) == ["cat"] * 6
    with reading(worker.engine) as session:
        mask = concepts.resolve_mask(session, "active").concepts
    assert [(each.name, each.version) for each in mask] == [("cat", 1)]


def test_what_would_still_be_seen_is_published_by_an_override_and_marked_so(worker: WorkerProcess) -> None:
    job_id = accepted_erasure(worker.engine, "cat", options=FEEBLE, override=True)
    answer(worker, job_id)
    assert row(worker.engine, job_id).state == "succeeded", row(worker.engine, job_id).problem
    (version,) = versions(worker.engine, "cat")
    assert version.certificate["overridden"] == ["not-forgotten"]
    assert version.certificate["forgotten"]["forgotten"] is False


def test_the_damaged_increment_of_another_concept_does_not_hold_up_an_erasure(
    worker_with_cat: WorkerProcess, caplog: pytest.LogCaptureFixture
) -> None:
    worker = worker_with_cat
    worker.blobs.delete(versions(worker.engine, "cat")[-1].digest)
    job_id = accepted_erasure(worker.engine, "fish", options=SHORT)
    with caplog.at_level(logging.WARNING):
        answer(worker, job_id)
    assert row(worker.engine, job_id).state == "succeeded", row(worker.engine, job_id).problem
    assert "The increment of cat cannot be looked at" in caplog.text


def test_an_option_that_only_the_method_can_judge_is_refused_by_its_pointer(worker: WorkerProcess) -> None:
    job_id = accepted_erasure(worker.engine, "cat", options={"directions": 100_000})
    answer(worker, job_id)
    problem = row(worker.engine, job_id).problem
    assert problem is not None
    assert (problem["type"], problem["status"]) == ("/problems/invalid-request", 422)
    assert problem["errors"][0]["pointer"] == "#/options/directions"


@contextmanager
def answering(worker: WorkerProcess, job_id: str) -> Iterator[None]:
    """Answer a ring in another thread, for the time of a block that begins once the work is under way."""
    answering = threading.Thread(target=answer, args=(worker, job_id))
    answering.start()
    try:
        until(lambda: bool(events(worker.engine, job_id)), seconds=60)
        yield
    finally:
        with writing(worker.engine) as session:
            if jobs.get(session, job_id).state in jobs.LIVE_STATES:
                jobs.request_cancel(session, job_id)
        answering.join(timeout=60)
        assert not answering.is_alive()


def test_a_cancelled_erasure_ends_at_its_next_step_and_publishes_nothing(worker: WorkerProcess) -> None:
    job_id = accepted_erasure(worker.engine, "cat", options=LONG)
    with answering(worker, job_id), writing(worker.engine) as session:
        jobs.request_cancel(session, job_id)
    assert row(worker.engine, job_id).state == "cancelled"
    assert versions(worker.engine, "cat") == []


def test_restoring_a_concept_that_is_being_erased_ends_the_work(worker: WorkerProcess) -> None:
    job_id = accepted_erasure(worker.engine, "cat", options=LONG)
    with answering(worker, job_id), writing(worker.engine) as session:
        concepts.restore(session, "cat", "tests", None)
    assert row(worker.engine, job_id).state == "cancelled"
    assert versions(worker.engine, "cat") == []


def test_a_stopping_worker_puts_the_erasure_back_for_another(worker: WorkerProcess) -> None:
    job_id = accepted_erasure(worker.engine, "cat", options=LONG)
    stopping = replace(worker, drain=Drain(0.0))
    with answering(stopping, job_id):
        stopping.drain.begin()
        until(lambda: row(worker.engine, job_id).state == "queued", seconds=60)
    assert row(worker.engine, job_id).losses == 0


def test_evidence_is_signed_under_the_mask_that_it_shows(worker_with_cat: WorkerProcess) -> None:
    with reading(worker_with_cat.engine) as session:
        rows = list(session.scalars(select(ImageRow)))
    assert {len(picture.mask["concepts"]) for picture in rows} == {0, 1}
    for picture in rows:
        found = inspect(worker_with_cat.blobs.get(picture.digest))
        assert found.state == "valid", found.reason
        assert found.statement
        assert found.statement["mask"]["digest"] == picture.mask["digest"]
        stated = [(each["name"], each["digest"]) for each in found.statement["mask"]["concepts"]]
        assert stated == [(each["name"], each["digest"]) for each in picture.mask["concepts"]]


def test_an_erasure_whose_evidence_cannot_be_signed_is_not_published(worker: WorkerProcess) -> None:
    (worker.settings.home / "signing").mkdir(parents=True)
    (worker.settings.home / "signing" / "leaf.pem").write_text("spoilt")
    job_id = accepted_erasure(worker.engine, "cat", options=SHORT)
    answer(worker, job_id)
    assert problem(worker.engine, job_id)["type"] == "picture-not-signed"
    assert versions(worker.engine, "cat") == []


def test_a_void_attempt_publishes_nothing(worker: WorkerProcess) -> None:
    job_id = accepted_erasure(worker.engine, "cat", options=SHORT)
    void = claimed(worker.engine, job_id, lease_seconds=0.0)
    assert claimed(worker.engine, job_id).attempt == 2
    with pytest.raises(LeaseLost):
        erase.run(worker, Lease(worker.engine, void, seconds=8, drain=worker.drain))
    assert versions(worker.engine, "cat") == []
    assert row(worker.engine, job_id).state == "running"
