"""Stored increments are brought to what becomes known later."""

from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.exc import IntegrityError

from sepme_core.canonical import digest_of_bytes
from sepme_core.registry import audit, concepts, jobs, protected
from sepme_core.registry.database import reading, writing
from sepme_core.registry.jobs import Claim, Job
from sepme_core.registry.tables import Increment
from tests.sepme_core.registry.work import (
    HOLDER,
    OTHER_BASE,
    accept,
    announce,
    at_once,
    claimed,
    erase,
    get_concept,
    get_etag,
    get_job,
    publish,
    publish_reprojection,
    purge,
    restore,
    stored,
)


def live(engine: Engine, name: str) -> Job | None:
    with reading(engine) as session:
        found = select(Job).where(Job.kind == "reproject", Job.concept == name, Job.state.in_(jobs.LIVE_STATES))
        return session.scalars(found).one_or_none()


def due(engine: Engine, name: str) -> Job:
    job = live(engine, name)
    assert job is not None
    return job


def hold(engine: Engine, name: str) -> Claim:
    return claimed(engine, due(engine, name).id)


def reprojected(engine: Engine, name: str, content: str) -> None:
    assert publish_reprojection(engine, hold(engine, name), content)


def versions(engine: Engine, name: str) -> list[Increment]:
    with reading(engine) as session:
        found = select(Increment).where(Increment.concept == name).order_by(Increment.version)
        return list(session.scalars(found))


def known_names(pinned: dict[str, Any]) -> list[str]:
    return [known["name"] for known in pinned["known"]]


def protect(engine: Engine, name: str, *prompts: str) -> None:
    with writing(engine) as session:
        protected.put(session, name, list(prompts), HOLDER)


def look(engine: Engine) -> None:
    with writing(engine) as session:
        jobs.enqueue_reprojections(session)


def fail(engine: Engine, held: Claim) -> None:
    with writing(engine) as session:
        assert jobs.fail(session, held, {"type": "/problems/effect-lost"})


def test_what_is_published_later_has_the_others_reprojected(engine: Engine) -> None:
    erase(engine, "cat", kind="object")
    assert live(engine, "cat") is None
    erase(engine, "dog", kind="object", prompts=["dog", "hound"])
    job = due(engine, "cat")
    assert (job.kind, job.queue, job.state, job.holder) == ("reproject", "erase", "queued", HOLDER)
    assert job.pinned == {
        "known": [{"name": "dog", "kind": "object", "prompts": ["dog", "hound"]}],
        "protected": [],
        "trained": {"version": 1, "digest": digest_of_bytes(b"cat")},
    }
    assert live(engine, "dog") is None
    assert get_concept(engine, "cat")["job"] == job.id


def test_an_increment_pinned_before_others_became_known_is_reprojected_itself(engine: Engine) -> None:
    announce(engine)
    held = claimed(engine, accept(engine, "cat").job.id)
    erase(engine, "dog")
    assert known_names(get_job(engine, held.job_id).pinned) == []
    assert publish(engine, held)
    assert known_names(due(engine, "cat").pinned) == ["dog"]
    assert live(engine, "dog") is None, "it was accepted when the other was being erased, and pins it"


def test_a_reprojected_version_takes_the_place_of_the_old_one_without_moving_the_entity_tag(engine: Engine) -> None:
    erase(engine, "cat", kind="object", prompts=["cat"], protect=["lion"])
    erase(engine, "dog")
    tag, before = get_etag(engine, "cat"), get_concept(engine, "cat")
    reprojected(engine, "cat", "cat beside dog")
    after = get_concept(engine, "cat")
    assert get_etag(engine, "cat") == tag
    assert {key: after[key] for key in ("state", "kind", "prompts", "protect", "job")} == {
        "state": "erased",
        "kind": "object",
        "prompts": ["cat"],
        "protect": ["lion"],
        "job": None,
    }
    assert (after["version"], after["digest"]) == (2, digest_of_bytes(b"cat beside dog"))
    assert [version["reason"] for version in after["versions"]] == ["erased", "reprojected"]
    first, second = versions(engine, "cat")
    assert second.request == first.request
    assert second.pinned == {"known": [{"name": "dog", "kind": "other", "prompts": ["dog"]}], "protected": []}
    with reading(engine) as session:
        entry = audit.page(session, None, 10).items[-1]
    assert (entry.action, entry.from_digest, entry.to_digest) == ("reproject", before["digest"], after["digest"])


def test_the_job_of_a_reprojection_ends_with_its_concept_as_the_result(engine: Engine) -> None:
    erase(engine, "cat")
    erase(engine, "dog")
    held = hold(engine, "cat")
    assert publish_reprojection(engine, held, "cat beside dog")
    job = get_job(engine, held.job_id)
    assert (job.state, job.result) == ("succeeded", get_concept(engine, "cat"))


def test_what_is_restored_is_reprojected_and_stays_restored(engine: Engine) -> None:
    erase(engine, "cat")
    restore(engine, "cat")
    erase(engine, "dog")
    reprojected(engine, "cat", "cat beside dog")
    concept = get_concept(engine, "cat")
    assert (concept["state"], concept["version"]) == ("restored", 2)
    with reading(engine) as session:
        entry = audit.page(session, None, 10).items[-1]
    assert (entry.action, entry.from_digest, entry.to_digest) == ("reproject", None, None)
    assert entry.details["digest"] == concept["digest"]


def test_restoring_leaves_the_reprojection_alone(engine: Engine) -> None:
    erase(engine, "cat")
    erase(engine, "dog")
    held = hold(engine, "cat")
    restore(engine, "cat")
    assert publish_reprojection(engine, held, "cat beside dog")
    assert get_concept(engine, "cat")["state"] == "restored"


def test_reprojection_starts_from_what_was_trained_however_often_it_was_reprojected(engine: Engine) -> None:
    erase(engine, "cat")
    for number, name in enumerate(("dog", "monet")):
        erase(engine, name)
        assert due(engine, "cat").pinned["trained"] == {"version": 1, "digest": digest_of_bytes(b"cat")}
        reprojected(engine, "cat", f"cat {number}")
    assert [version.reason for version in versions(engine, "cat")] == ["erased", "reprojected", "reprojected"]


@pytest.mark.parametrize("order", [("dog", "monet"), ("monet", "dog")])
def test_the_order_in_which_others_arrive_leaves_no_trace_in_what_is_pinned(
    engine: Engine, order: tuple[str, str]
) -> None:
    erase(engine, "cat")
    for name in order:
        erase(engine, name)
        reprojected(engine, "cat", f"cat after {name}")
    assert versions(engine, "cat")[-1].pinned == {
        "known": [
            {"name": "dog", "kind": "other", "prompts": ["dog"]},
            {"name": "monet", "kind": "other", "prompts": ["monet"]},
        ],
        "protected": [],
    }


def test_prompts_protected_later_have_all_that_is_stored_reprojected(engine: Engine) -> None:
    erase(engine, "cat")
    protect(engine, "brand", "a red can")
    assert due(engine, "cat").pinned["protected"] == [{"name": "brand", "prompts": ["a red can"]}]
    reprojected(engine, "cat", "cat beside a can")
    protect(engine, "brand", "a red can", "a blue can")
    assert due(engine, "cat").pinned["protected"] == [{"name": "brand", "prompts": ["a red can", "a blue can"]}]


@pytest.mark.parametrize("prompts", [("a red can",), ("a blue can",)])
def test_prompts_that_were_protected_already_call_for_nothing(engine: Engine, prompts: tuple[str]) -> None:
    announce(engine)
    protect(engine, "brand", "a red can", "a blue can")
    erase(engine, "cat")
    protect(engine, "another-brand", *prompts)
    assert live(engine, "cat") is None


def test_protecting_again_what_a_reprojected_increment_leaves_alone_needs_no_erasure(engine: Engine) -> None:
    erase(engine, "cat")
    protect(engine, "brand", "a red can")
    reprojected(engine, "cat", "cat beside a can")
    assert accept(engine, "cat").already_done
    assert get_concept(engine, "cat")["version"] == 2


def test_a_reprojected_concept_that_was_restored_serves_again_without_work(engine: Engine) -> None:
    erase(engine, "cat", kind="object")
    erase(engine, "dog")
    reprojected(engine, "cat", "cat beside dog")
    restore(engine, "cat")
    assert accept(engine, "cat", kind="object").already_done
    concept = get_concept(engine, "cat")
    assert (concept["state"], concept["version"]) == ("erased", 2)


def test_new_prompts_of_a_known_concept_call_for_it_and_fewer_do_not(engine: Engine) -> None:
    erase(engine, "dog", prompts=["dog", "hound"])
    erase(engine, "cat")
    reprojected(engine, "dog", "dog beside cat")
    assert publish(engine, claimed(engine, accept(engine, "dog", prompts=["hound"]).job.id), "fewer")
    assert live(engine, "cat") is None
    assert publish(engine, claimed(engine, accept(engine, "dog", prompts=["hound", "puppy"]).job.id), "more")
    assert due(engine, "cat").pinned["known"][0]["prompts"] == ["hound", "puppy"]


def test_another_kind_of_a_known_concept_calls_for_it(engine: Engine) -> None:
    erase(engine, "monet", kind="other")
    erase(engine, "cat")
    assert publish(engine, claimed(engine, accept(engine, "monet", kind="style").job.id), "as a style")
    assert due(engine, "cat").pinned["known"][0]["kind"] == "style"


def test_a_queued_job_pins_what_is_known_by_now(engine: Engine) -> None:
    erase(engine, "cat")
    erase(engine, "dog")
    first = due(engine, "cat")
    erase(engine, "monet")
    protect(engine, "brand", "a red can")
    again = due(engine, "cat")
    assert again.id == first.id
    assert known_names(again.pinned) == ["dog", "monet"]
    assert again.pinned["protected"] == [{"name": "brand", "prompts": ["a red can"]}]


def test_what_arrives_while_a_reprojection_runs_is_looked_at_when_it_publishes(engine: Engine) -> None:
    erase(engine, "cat")
    erase(engine, "dog")
    held = hold(engine, "cat")
    erase(engine, "monet")
    assert known_names(get_job(engine, held.job_id).pinned) == ["dog"]
    assert publish_reprojection(engine, held, "cat beside dog")
    assert known_names(versions(engine, "cat")[-1].pinned) == ["dog"]
    job = due(engine, "cat")
    assert job.id != held.job_id
    assert known_names(job.pinned) == ["dog", "monet"]
    assert get_job(engine, held.job_id).result == get_concept(engine, "cat")


def test_publications_at_once_leave_each_other_one_job(engine: Engine) -> None:
    announce(engine)
    names = ("a", "b", "c")
    held = [claimed(engine, accept(engine, name).job.id) for name in names]
    assert at_once(*(partial(publish, engine, one) for one in held)) == [True] * 3
    assert [known_names(due(engine, name).pinned) for name in ("a", "b")] == [["b", "c"], ["a", "c"]]
    assert live(engine, "c") is None


def test_the_database_allows_one_live_reprojection_for_a_concept(engine: Engine) -> None:
    def job(id: str, **values: str) -> Job:
        given = {"kind": "reproject", "queue": "erase", "concept": "cat", "holder": "tests", **values}
        return Job(id=id, request={}, pinned={}, **given)

    with writing(engine) as session:
        session.add_all([job("1"), job("2", state="failed"), job("3", kind="erase"), job("4", concept="dog")])
    with pytest.raises(IntegrityError), writing(engine) as session:
        session.add(job("5", state="running"))


def test_what_is_being_erased_anew_is_left_to_its_own_publication(engine: Engine) -> None:
    erase(engine, "cat")
    held = claimed(engine, accept(engine, "cat", options={"seed": 1}).job.id)
    erase(engine, "dog")
    assert live(engine, "cat") is None
    assert publish(engine, held, "cat anew")
    assert due(engine, "cat").pinned["trained"] == {"version": 2, "digest": digest_of_bytes(b"cat anew")}


def test_an_erasure_anew_that_comes_to_nothing_leaves_the_old_version_to_be_found(engine: Engine) -> None:
    erase(engine, "cat")
    held = claimed(engine, accept(engine, "cat", options={"seed": 1}).job.id)
    erase(engine, "dog")
    fail(engine, held)
    assert live(engine, "cat") is None
    look(engine)
    assert known_names(due(engine, "cat").pinned) == ["dog"]


def test_a_concept_trained_anew_voids_the_reprojection_under_way(engine: Engine) -> None:
    erase(engine, "cat")
    erase(engine, "dog")
    held = hold(engine, "cat")
    assert publish(engine, claimed(engine, accept(engine, "cat", options={"seed": 1}).job.id), "cat anew")
    assert get_job(engine, held.job_id).state == "cancelled"
    assert not publish_reprojection(engine, held, "of the old one")
    assert get_concept(engine, "cat")["digest"] == digest_of_bytes(b"cat anew")
    assert live(engine, "cat") is None, "what was trained anew pins the other"


def test_a_reprojection_of_an_older_training_is_never_published(engine: Engine) -> None:
    """The job is called off when the concept is trained anew; should it survive, its pins give it away."""
    erase(engine, "cat")
    assert publish(engine, claimed(engine, accept(engine, "cat", options={"seed": 1}).job.id), "cat anew")
    pinned = {"known": [], "protected": [], "trained": {"version": 1, "digest": digest_of_bytes(b"cat")}}
    with writing(engine) as session:
        job = jobs.enqueue(
            session, kind="reproject", queue="erase", request={}, pinned=pinned, concept="cat", holder=HOLDER
        )
    held = claimed(engine, job.id)
    assert not publish_reprojection(engine, held, "of the old one")
    assert get_job(engine, held.job_id).state == "cancelled"
    assert get_concept(engine, "cat")["version"] == 2


def test_the_same_that_failed_is_not_tried_again_until_something_new_arrives(engine: Engine) -> None:
    erase(engine, "cat")
    erase(engine, "dog")
    fail(engine, hold(engine, "cat"))
    look(engine)
    protect(engine, "brand", "a red can")
    fail(engine, hold(engine, "cat"))
    for _ in range(2):
        look(engine)
        assert live(engine, "cat") is None
    concept = get_concept(engine, "cat")
    assert (concept["state"], concept["version"], concept["job"]) == ("erased", 1, None)
    erase(engine, "monet")
    assert known_names(due(engine, "cat").pinned) == ["dog", "monet"]


def test_a_reprojection_that_an_operator_cancelled_does_not_come_back_by_itself(engine: Engine) -> None:
    erase(engine, "cat")
    erase(engine, "dog")
    with writing(engine) as session:
        jobs.request_cancel(session, due(engine, "cat").id)
    look(engine)
    assert live(engine, "cat") is None


def test_purging_ends_the_concepts_own_reprojection_and_calls_for_no_other(engine: Engine) -> None:
    erase(engine, "cat")
    erase(engine, "dog")
    reprojected(engine, "cat", "cat beside dog")
    erase(engine, "monet")
    held = hold(engine, "cat")
    reprojected(engine, "dog", "dog beside monet")
    purge(engine, "cat")
    assert get_job(engine, held.job_id).state == "cancelled"
    assert not publish_reprojection(engine, held, "nobody's")
    look(engine)
    assert live(engine, "dog") is None
    assert live(engine, "monet") is None


def test_a_void_attempt_at_a_reprojection_publishes_nothing(engine: Engine) -> None:
    erase(engine, "cat")
    erase(engine, "dog")
    void = claimed(engine, due(engine, "cat").id, lease_seconds=0.0)
    held = hold(engine, "cat")
    assert not publish_reprojection(engine, void, "void")
    assert publish_reprojection(engine, held, "held")
    assert [version.digest for version in versions(engine, "cat")][1:] == [digest_of_bytes(b"held")]


def test_increments_of_another_base_and_of_the_published_method_are_left_as_they_are(engine: Engine) -> None:
    announce(engine, OTHER_BASE)
    assert publish(engine, claimed(engine, accept(engine, "cat").job.id), base_digest=OTHER_BASE)
    announce(engine)
    settings = {"variant": "published"}
    assert publish(engine, claimed(engine, accept(engine, "monet").job.id), settings=settings)
    erase(engine, "dog")
    assert (live(engine, "cat"), live(engine, "monet")) == (None, None)
    announce(engine, OTHER_BASE)
    look(engine)
    assert known_names(due(engine, "cat").pinned) == ["dog", "monet"]


def test_nothing_is_reprojected_before_a_model_is_served(engine: Engine) -> None:
    assert publish(engine, claimed(engine, accept(engine, "cat").job.id))
    assert publish(engine, claimed(engine, accept(engine, "dog").job.id))
    assert live(engine, "cat") is None
    announce(engine)
    look(engine)
    assert known_names(due(engine, "cat").pinned) == ["dog"]


def test_a_reprojection_is_rung_for_once_by_whoever_looks_first(engine: Engine) -> None:
    erase(engine, "cat")
    erase(engine, "dog")
    job = due(engine, "cat")
    with writing(engine) as session:
        assert jobs.never_rung(session) == [(job.id, "erase")]
    with writing(engine) as session:
        assert jobs.never_rung(session) == []
        assert jobs.unclaimed(session, rung_before_seconds=60) == []
        assert jobs.unclaimed(session, rung_before_seconds=0) == [(job.id, "erase")]


def test_a_mask_takes_the_reprojected_version_and_one_pinned_before_keeps_the_old(engine: Engine) -> None:
    erase(engine, "cat")
    erase(engine, "dog")
    with reading(engine) as session:
        before = concepts.resolve_mask(session, ["cat"])
    reprojected(engine, "cat", "cat beside dog")
    with reading(engine) as session:
        after = concepts.resolve_mask(session, ["cat"])
    assert [concept.version for concept in (*before.concepts, *after.concepts)] == [1, 2]
    assert before.concepts[0].digest == stored("cat").digest
