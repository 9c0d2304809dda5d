import json
import re
from dataclasses import replace
from functools import partial
from typing import Any, cast

import pytest
from sqlalchemy import Engine, select

from sepme_core.documents.answers import ProblemDocument
from sepme_core.documents.requests import AskedErasure, MaskDocument
from sepme_core.registry import concepts, images, jobs, protected, queries
from sepme_core.registry.database import reading, writing
from sepme_core.registry.errors import (
    CursorInvalid,
    JobFinished,
    UnknownConcept,
    UnknownImage,
    UnknownJob,
    UnknownProtected,
)
from sepme_core.registry.jobs import Claim, Job
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
    listed_jobs,
    picture,
    publish,
)

FORGED_CURSORS = [queries.encode("2026-01-01T00:00:00+00:00", part) for part in ("\0", "\ud800", "é")]
MASK: MaskDocument = {"digest": "sha256:" + 64 * "a", "concepts": []}


def request_cancel(engine: Engine, job_id: str) -> Job:
    with writing(engine) as session:
        return jobs.request_cancel(session, job_id)


def publish_pictures(engine: Engine, held: Claim, seeds: list[int]) -> bool:
    with writing(engine) as session:
        return jobs.publish_pictures(
            session, held, images=[picture(seed) for seed in seeds], mask=MASK, base_digest=BASE
        )


def test_a_job_is_queued_with_its_whole_request(engine: Engine) -> None:
    job = enqueue_generation(engine, base_digest=BASE)
    assert jobs.document(get_job(engine, job.id)) == {
        "id": job.id,
        "kind": "generate",
        "state": "queued",
        "concept": None,
        "request": {"prompt": "a cat"},
        "case": None,
        "reason": None,
        "progress": {"step": 0, "of": 0, "message": ""},
        "attempt": 0,
        "cancel_requested": False,
        "cancelled_by": None,
        "request_id": None,
        "created_at": jobs.document(job)["created_at"],
        "started_at": None,
        "finished_at": None,
        "result": None,
        "problem": None,
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", jobs.document(job)["created_at"])


def test_ids_cannot_be_guessed_and_fit_into_a_url(engine: Engine) -> None:
    ids = {enqueue_generation(engine).id for _ in range(20)}
    assert len(ids) == 20
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22}", job_id) for job_id in ids)


def test_unknown_jobs_and_images_are_named(engine: Engine) -> None:
    with reading(engine) as session:
        with pytest.raises(UnknownJob, match="no-such"):
            jobs.get(session, "no-such")
        with pytest.raises(UnknownImage, match="no-such"):
            images.get(session, "no-such")


@pytest.mark.parametrize("name", ["\0", "cat\0", "\ud800", "a" * 5000, "'; DROP TABLE jobs"])
def test_names_that_no_database_can_hold_are_unknown(engine: Engine, name: str) -> None:
    accept(engine, "cat")
    with reading(engine) as session:
        with pytest.raises(UnknownJob):
            jobs.get(session, name)
        with pytest.raises(UnknownImage):
            images.get(session, name)
        with pytest.raises(UnknownConcept):
            concepts.get(session, name)
        with pytest.raises(UnknownProtected):
            protected.get(session, name)
        assert concepts.resolve_mask(session, [name]).missing == (name,)
        assert jobs.page_of_texts(session, None, 10, concept=name).items == []


def test_a_message_that_no_database_can_hold_is_kept_but_for_that(engine: Engine) -> None:
    held = claimed(engine, enqueue_generation(engine).id)
    with writing(engine) as session:
        assert jobs.report(session, held, 1, 2, "half\0a \ud800 🎨")
    assert get_job(engine, held.job_id).message == "half\ufffda \ufffd 🎨"


def test_an_erasure_ends_with_the_concept_as_its_result(engine: Engine) -> None:
    done = erase(engine, "van-gogh", kind="style")
    concept = get_concept(engine, "van-gogh")
    assert done.state == "succeeded"
    assert done.result == concept
    assert concept["job"] is None
    with reading(engine) as session:
        last = jobs.events_after(session, done.id, 0)[-1]
    assert (last.kind, last.data) == ("succeeded", {"result": concept})


def test_pictures_get_ids_and_records_in_the_order_of_the_request(engine: Engine) -> None:
    held = claimed(engine, enqueue_generation(engine).id)
    assert publish_pictures(engine, held, [7, 8, 9])
    result = get_job(engine, held.job_id).result
    assert result is not None
    assert result["mask"] == MASK
    assert result["base_digest"] == BASE
    assert [entry["seed"] for entry in result["images"]] == [7, 8, 9]
    assert [entry["url"] for entry in result["images"]] == [f"/images/{entry['id']}" for entry in result["images"]]
    with reading(engine) as session:
        row = images.get(session, result["images"][1]["id"])
    expected = picture(8)
    assert (row.digest, row.sha256, row.record) == (expected.digest, expected.sha256, expected.record)
    assert (row.job_id, row.actor, row.mask, row.base_digest) == (held.job_id, HOLDER, MASK, BASE)
    assert images.document(row) == result["images"][1]


def test_seeds_of_63_bits_are_kept(engine: Engine) -> None:
    held = claimed(engine, enqueue_generation(engine).id)
    assert publish_pictures(engine, held, [2**63 - 1])
    result = get_job(engine, held.job_id).result
    assert result is not None
    assert result["images"][0]["seed"] == 2**63 - 1


def test_pictures_of_a_lost_lease_are_refused_whole(engine: Engine) -> None:
    job = enqueue_generation(engine)
    loser = claimed(engine, job.id)
    let_lease_run_out(engine, job.id)
    winner = claimed(engine, job.id, "worker-2")
    assert not publish_pictures(engine, loser, [1])
    assert publish_pictures(engine, winner, [1])
    assert not publish_pictures(engine, winner, [1])
    with reading(engine) as session:
        assert len(session.scalars(select(Image)).all()) == 1


def test_a_queued_job_is_cancelled_at_once(engine: Engine) -> None:
    job = enqueue_generation(engine)
    assert request_cancel(engine, job.id).state == "cancelled"
    assert get_job(engine, job.id).finished_at is not None
    assert claim(engine, job.id) is None
    with reading(engine) as session:
        assert [event.kind for event in jobs.events_after(session, job.id, 0)] == ["cancelled"]


def test_a_running_job_is_asked_to_stop_and_cannot_publish(engine: Engine) -> None:
    held = claimed(engine, enqueue_generation(engine).id)
    assert request_cancel(engine, held.job_id).state == "running"
    assert not publish_pictures(engine, held, [1])
    row = get_job(engine, held.job_id)
    assert (row.state, row.result, row.cancelled_by) == ("cancelled", None, jobs.BY_REQUEST)


def test_only_a_job_that_nobody_has_claimed_is_called_off(engine: Engine) -> None:
    queued, running = enqueue_generation(engine), enqueue_generation(engine)
    held = claimed(engine, running.id)
    with writing(engine) as session:
        for job_id in (queued.id, running.id, "no-such"):
            jobs.cancel_unclaimed(session, job_id, "nobody")
    assert get_job(engine, queued.id).cancelled_by == "nobody"
    assert publish_pictures(engine, held, [1])
    with writing(engine) as session:
        jobs.cancel_unclaimed(session, running.id, "nobody")
    row = get_job(engine, running.id)
    assert (row.state, row.cancelled_by) == ("succeeded", None)


def test_an_erasure_asked_to_stop_cannot_publish(engine: Engine) -> None:
    held = claimed(engine, accept(engine, "van-gogh").job.id)
    request_cancel(engine, held.job_id)
    assert not publish(engine, held)
    assert get_job(engine, held.job_id).state == "cancelled"
    assert get_concept(engine, "van-gogh")["state"] == "never-erased"


def test_the_evidence_of_an_erasure_is_stored_as_pictures_of_its_job(engine: Engine) -> None:
    record: Any = {"prompt": "a cat", "seed": 5}
    without = replace(picture(5), record=record | {"increments": []})
    under = replace(picture(6), seed=5, record=record | {"increments": [{"concept": "cat"}]})
    held = claimed(engine, accept(engine, "cat").job.id)
    assert publish(engine, held, pictures=(without, under))
    first, second = get_concept(engine, "cat")["certificate"]["pictures"]
    assert first == {
        "id": first["id"],
        "url": f"/images/{first['id']}",
        "prompt": "a cat",
        "seed": 5,
        "erased": False,
        "sha256": without.sha256,
    }
    assert (second["erased"], second["sha256"]) == (True, under.sha256)
    with reading(engine) as session:
        rows = [images.get(session, listed["id"]) for listed in (first, second)]
    assert [(row.job_id, row.position, row.actor) for row in rows] == [
        (held.job_id, 0, HOLDER),
        (held.job_id, 1, HOLDER),
    ]
    assert [row.mask["concepts"] for row in rows] == [
        [],
        [{"name": "cat", "version": 1, "digest": get_concept(engine, "cat")["digest"]}],
    ]


def test_an_ended_job_cannot_be_cancelled(engine: Engine) -> None:
    done = erase(engine, "van-gogh")
    with pytest.raises(JobFinished) as refusal:
        request_cancel(engine, done.id)
    assert refusal.value.state == "succeeded"
    with pytest.raises(UnknownJob):
        request_cancel(engine, "no-such")


def test_cancel_and_claim_at_once_leave_a_job_that_is_stopped(engine: Engine) -> None:
    for _ in range(10):
        job = enqueue_generation(engine)
        outcome = at_once(partial(claim, engine, job.id), partial(request_cancel, engine, job.id))
        row = get_job(engine, job.id)
        if outcome[0] is None:
            assert row.state == "cancelled"
        else:
            assert (row.state, row.cancel_requested) == ("running", True)


def test_cancel_and_publish_at_once_leave_one_end(engine: Engine) -> None:
    for _ in range(10):
        held = claimed(engine, enqueue_generation(engine).id)
        published, cancelled = at_once(
            partial(publish_pictures, engine, held, [1]), partial(request_cancel, engine, held.job_id)
        )
        row = get_job(engine, held.job_id)
        assert row.state == ("succeeded" if published is True else "cancelled")
        assert isinstance(cancelled, JobFinished) == (published is True)
        with reading(engine) as session:
            assert [event.kind for event in jobs.events_after(session, held.job_id, 0)] == [row.state]


def test_jobs_are_listed_youngest_first_in_pages(engine: Engine) -> None:
    ids = [enqueue_generation(engine).id for _ in range(5)]
    listed: list[str] = []
    cursor = None
    with reading(engine) as session:
        for expected in (2, 2, 1):
            page = jobs.page_of_texts(session, cursor, 2)
            assert len(page.items) == expected
            listed += [job.id for job in page.items]
            cursor = page.next_cursor
    assert cursor is None
    assert sorted(listed) == sorted(ids)
    created = {job_id: get_job(engine, job_id).created_at for job_id in ids}
    assert [created[job_id] for job_id in listed] == sorted(created.values(), reverse=True)


def test_the_texts_that_clients_are_sent_say_what_the_documents_say(engine: Engine) -> None:
    erase(engine, "cat")
    failed = claimed(engine, enqueue_generation(engine).id)
    with writing(engine) as session:
        jobs.fail(session, failed, cast("ProblemDocument", {"type": "/problems/é", "detail": 'a "detail"'}))
        bodies: list[AskedErasure] = [{"name": name, "prompts": [name]} for name in ("dog", "fish")]
        concepts.accept_erasures(session, bodies, HOLDER, joint=True)
    running = claimed(engine, enqueue_generation(engine).id)
    request_cancel(engine, running.job_id)
    with reading(engine) as session:
        rows = listed_jobs(session)
        assert len({job.state for job in rows}) == 4
        texts = jobs.page_of_texts(session, None, 10).items
        places = jobs.positions(session, [job.id for job in rows])
        told = [{**jobs.document(job), "position": places.get(job.id)} for job in rows]
        assert [json.loads(each.text) for each in texts] == told
        first = jobs.page_of_texts(session, None, 3)
        second = jobs.page_of_texts(session, first.next_cursor, 3, kind="erase")
        assert [each.id for each in first.items] == [job.id for job in rows[:3]]
        assert [each.id for each in second.items] == [job.id for job in rows[3:] if job.kind == "erase"]


def test_a_page_is_not_shifted_by_jobs_that_arrive_meanwhile(engine: Engine) -> None:
    ids = [enqueue_generation(engine).id for _ in range(4)]
    with reading(engine) as session:
        first = jobs.page_of_texts(session, None, 2)
    enqueue_generation(engine)
    with reading(engine) as session:
        second = jobs.page_of_texts(session, first.next_cursor, 2)
    assert sorted(job.id for job in [*first.items, *second.items]) == sorted(ids)


def test_jobs_are_listed_by_kind_state_concept_and_holder(engine: Engine) -> None:
    queued = enqueue_generation(engine).id
    running = claimed(engine, enqueue_generation(engine).id).job_id
    erasing = accept(engine, "van-gogh").job.id
    with reading(engine) as session:

        def ids(**wanted: str) -> set[str]:
            return {job.id for job in jobs.page_of_texts(session, None, 10, **wanted).items}

        assert ids(kind="erase") == {erasing}
        assert ids(state="running") == {running}
        assert ids(kind="generate", state="queued") == {queued}
        assert ids(concept="van-gogh") == {erasing}
        assert ids(actor=HOLDER) == {queued, running, erasing}
        assert ids(actor="somebody else") == set()
        assert jobs.counts(session) == {("generate", "queued"): 1, ("generate", "running"): 1, ("erase", "queued"): 1}


@pytest.mark.parametrize(
    "cursor", ["", "x", "é", "bm8", "WyJ2YW4tZ29naCJd", "WyJ4IiwgInkiXQ", "WzEsIDJd", *FORGED_CURSORS]
)
def test_cursors_of_other_listings_are_refused(engine: Engine, cursor: str) -> None:
    with reading(engine) as session, pytest.raises(CursorInvalid):
        jobs.page_of_texts(session, cursor, 2)
