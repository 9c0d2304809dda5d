"""What a re-projection publishes, and what makes it void."""

from typing import cast

import pytest
from sqlalchemy import Engine

from sepme_core.canonical import digest_of_bytes
from sepme_core.documents.requests import ReprojectRequest, StoredPins
from sepme_core.registry import audit, concepts, jobs, knowledge
from sepme_core.registry.database import reading, writing
from tests.sepme_core.registry.reprojecting import due, hold, known_names, live, look, protect, reprojected, versions
from tests.sepme_core.registry.work import (
    HOLDER,
    accept,
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


def test_a_concept_trained_anew_voids_the_reprojection_under_way(engine: Engine) -> None:
    erase(engine, "cat")
    erase(engine, "dog")
    held = hold(engine, "cat")
    assert publish(engine, claimed(engine, accept(engine, "cat", options={"seed": 1}).job.id), "cat anew")
    assert get_job(engine, held.job_id).state == "cancelled"
    assert get_job(engine, held.job_id).cancelled_by == "a version of 'cat' that was trained meanwhile"
    assert not publish_reprojection(engine, held, "of the old one")
    assert get_concept(engine, "cat")["digest"] == digest_of_bytes(b"cat anew")
    assert live(engine, "cat") is None, "what was trained anew pins the other"


def test_a_reprojection_of_an_older_training_is_never_published(engine: Engine) -> None:
    """The job is called off when the concept is trained anew; should it survive, its pins give it away."""
    erase(engine, "cat")
    assert publish(engine, claimed(engine, accept(engine, "cat", options={"seed": 1}).job.id), "cat anew")
    trained = {"version": 1, "digest": digest_of_bytes(b"cat")}
    with writing(engine) as session:
        pinned = cast("StoredPins", {**knowledge.keep(session, [], []), "trained": trained})
        request = cast("ReprojectRequest", {})
        job = jobs.enqueue(session, kind="reproject", request=request, pinned=pinned, concept="cat", actor=HOLDER)
    held = claimed(engine, job.id)
    assert not publish_reprojection(engine, held, "of the old one")
    assert get_job(engine, held.job_id).state == "cancelled"
    assert get_job(engine, held.job_id).cancelled_by == "version 2, which was trained meanwhile"
    assert get_concept(engine, "cat")["version"] == 2


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
