"""Stored increments are brought to what becomes known later: which jobs that calls for."""

from collections.abc import Callable
from functools import partial

import pytest
from sqlalchemy import Engine

from sepme_core.canonical import digest_of_bytes
from sepme_core.registry import jobs
from sepme_core.registry.database import reading, writing
from tests.sepme_core.registry.reprojecting import due, fail, hold, known_names, live, look, protect, reprojected
from tests.sepme_core.registry.work import (
    BASE,
    HOLDER,
    OTHER_BASE,
    accept,
    announce,
    at_once,
    claimed,
    enqueue_generation,
    erase,
    get_concept,
    get_job,
    publish,
    purge,
)


def test_what_is_published_later_has_the_others_reprojected(engine: Engine) -> None:
    erase(engine, "cat", kind="object")
    assert live(engine, "cat") is None
    erase(engine, "dog", kind="object", prompts=["dog", "hound"])
    job = due(engine, "cat")
    assert (job.kind, job.queue, job.state, job.actor) == ("reproject", "erase", "queued", HOLDER)
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


def test_publications_at_once_leave_each_other_one_job(engine: Engine) -> None:
    announce(engine)
    names = ("a", "b", "c")
    held = [claimed(engine, accept(engine, name).job.id) for name in names]
    assert at_once(*(partial(publish, engine, one) for one in held)) == [True] * 3
    assert [known_names(due(engine, name).pinned) for name in ("a", "b")] == [["b", "c"], ["a", "c"]]
    assert live(engine, "c") is None


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


def test_what_failed_of_something_else_than_the_method_is_tried_again_but_not_for_ever(engine: Engine) -> None:
    erase(engine, "cat")
    erase(engine, "dog")
    for _ in range(3):
        fail(engine, hold(engine, "cat"), "internal-error", 500)
        look(engine)
    assert live(engine, "cat") is None
    erase(engine, "monet")
    fail(engine, hold(engine, "cat"), "internal-error", 500)
    look(engine)
    fail(engine, hold(engine, "cat"))
    look(engine)
    assert live(engine, "cat") is None, "the method refused it"


def test_a_reprojection_that_an_operator_cancelled_does_not_come_back_by_itself(engine: Engine) -> None:
    erase(engine, "cat")
    erase(engine, "dog")
    with writing(engine) as session:
        jobs.request_cancel(session, due(engine, "cat").id)
    look(engine)
    assert live(engine, "cat") is None


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


def test_a_reprojection_is_for_the_workers_of_its_increments_base(engine: Engine) -> None:
    erase(engine, "cat")
    erase(engine, "dog")
    assert due(engine, "cat").base_digest == BASE
    with writing(engine) as session:
        assert jobs.waiting_queues(session) == ["erase"]


def occasion(engine: Engine) -> jobs.Occasion:
    with reading(engine) as session:
        return jobs.occasion(session)


HAPPENINGS: dict[str, Callable[[Engine], object]] = {
    "another concept is erased": lambda engine: erase(engine, "fish"),
    "an erasure is accepted": lambda engine: accept(engine, "fish"),
    "an erasure fails": lambda engine: fail(engine, claimed(engine, accept(engine, "monet").job.id)),
    "a re-projection fails": lambda engine: fail(engine, hold(engine, "cat")),
    "a re-projection is published": lambda engine: reprojected(engine, "cat", "cat beside dog"),
    "a concept is purged": lambda engine: purge(engine, "dog"),
    "prompts are protected": lambda engine: protect(engine, "brand", "a red can"),
    "another model is served": lambda engine: announce(engine, OTHER_BASE),
}


@pytest.mark.parametrize("happening", HAPPENINGS)
def test_whatever_may_call_for_another_is_an_occasion_to_look_again(engine: Engine, happening: str) -> None:
    erase(engine, "cat")
    erase(engine, "dog")
    accept(engine, "monet")
    before = occasion(engine)
    HAPPENINGS[happening](engine)
    assert occasion(engine) != before


def test_a_reprojection_that_is_put_back_may_pin_what_is_known_by_now(engine: Engine) -> None:
    erase(engine, "cat")
    erase(engine, "dog")
    held = hold(engine, "cat")
    before = occasion(engine)
    with writing(engine) as session:
        assert jobs.release(session, held)
    assert occasion(engine) != before


def test_pictures_and_the_progress_of_work_are_no_occasion_to_look_again(engine: Engine) -> None:
    erase(engine, "cat")
    held = claimed(engine, accept(engine, "dog").job.id)
    before = occasion(engine)
    claimed(engine, enqueue_generation(engine).id)
    with writing(engine) as session:
        assert jobs.renew(session, held, 30)
        assert jobs.report(session, held, 1, 10, "a step")
    assert occasion(engine) == before
