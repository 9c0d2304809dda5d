"""An erasure is not published before it was held against all that serves, or is being erased, by then."""

from collections.abc import Collection

import pytest
from sqlalchemy import Engine

from sepme_core.canonical import digest_of_bytes
from sepme_core.documents.requests import NewcomerDocument
from sepme_core.registry import concepts, jobs
from sepme_core.registry.database import reading, writing
from sepme_core.registry.jobs import Claim, Overtaken, Published
from tests.sepme_core.registry.reprojecting import due, known_names, live, versions
from tests.sepme_core.registry.work import (
    BASE,
    HOLDER,
    OTHER_BASE,
    accept,
    announce,
    claim,
    claimed,
    erase,
    get_concept,
    get_job,
    let_lease_run_out,
    purge,
    restore,
    stored,
)


def publish(
    engine: Engine, held: Claim, considered: Collection[str] = (), left_out: Collection[str] = ()
) -> Published | Overtaken | None:
    with writing(engine) as session:
        made = stored(str(held.concept))
        return jobs.publish_erasure(session, held, made, considered=considered, left_out=left_out)


def others(outcome: Published | Overtaken | None) -> list[NewcomerDocument]:
    assert isinstance(outcome, Overtaken)
    return outcome.others


def test_what_is_published_says_its_version(engine: Engine) -> None:
    assert publish(engine, claimed(engine, accept(engine, "cat").job.id)) == Published(1)
    assert publish(engine, claimed(engine, accept(engine, "cat", options={"seed": 1}).job.id)) == Published(2)


def test_what_was_not_considered_is_named_and_nothing_is_written(engine: Engine) -> None:
    announce(engine)
    held = claimed(engine, accept(engine, "dog").job.id)
    erase(engine, "cat", kind="object", prompts=["cat", "tabby"])
    accept(engine, "bird")
    before, concept = get_job(engine, held.job_id), get_concept(engine, "dog")
    cat = {"name": "cat", "kind": "object", "prompts": ["cat", "tabby"], "erased": True}
    bird = {"name": "bird", "kind": "other", "prompts": ["bird"], "erased": True}
    assert others(publish(engine, held)) == [{**bird, "digest": None}, {**cat, "digest": digest_of_bytes(b"cat")}]
    assert [one["name"] for one in others(publish(engine, held, ["cat"]))] == ["bird"]
    after = get_job(engine, held.job_id)
    assert (after.state, after.attempt, after.pinned) == ("running", before.attempt, before.pinned)
    assert get_concept(engine, "dog") == concept
    assert publish(engine, held, ["cat", "bird"]) == Published(1)


def test_what_is_restored_and_not_made_again_is_no_newcomer(engine: Engine) -> None:
    erase(engine, "cat")
    restore(engine, "cat")
    held = claimed(engine, accept(engine, "dog").job.id)
    again = accept(engine, "cat", options={"seed": 1}).job.id
    (cat,) = others(publish(engine, held))
    assert (cat["erased"], cat["digest"]) == (True, digest_of_bytes(b"cat"))
    with writing(engine) as session:
        jobs.request_cancel(session, again)
    assert publish(engine, held) == Published(1)


def test_what_is_made_again_to_stay_restored_is_named_as_such(engine: Engine) -> None:
    erase(engine, "cat")
    restore(engine, "cat")
    announce(engine, OTHER_BASE)
    with writing(engine) as session:
        concepts.accept_again(session, OTHER_BASE, HOLDER)
    held = claimed(engine, accept(engine, "dog").job.id)
    (cat,) = others(publish(engine, held))
    assert (cat["name"], cat["erased"]) == ("cat", False)


def test_an_increment_of_another_base_is_no_digest_to_look_at(engine: Engine) -> None:
    held = claimed(engine, accept(engine, "cat").job.id)
    with writing(engine) as session:
        assert jobs.publish_erasure(session, held, stored("cat", OTHER_BASE), considered=[]) == Published(1)
    announce(engine)
    (cat,) = others(publish(engine, claimed(engine, accept(engine, "dog").job.id)))
    assert (cat["name"], cat["erased"], cat["digest"]) == ("cat", True, None)


def test_a_concept_that_serves_again_meanwhile_is_a_newcomer(engine: Engine) -> None:
    erase(engine, "cat")
    restore(engine, "cat")
    held = claimed(engine, accept(engine, "dog").job.id)
    with writing(engine) as session:
        present = jobs.pin_present(session, held, BASE)
    assert present is not None
    assert accept(engine, "cat").already_done
    served = [one["name"] for one in (*present.serving, *present.earlier)]
    assert [one["name"] for one in others(publish(engine, held, served))] == ["cat"]


def test_those_made_together_are_no_newcomers(engine: Engine) -> None:
    announce(engine)
    with writing(engine) as session:
        accepted = concepts.accept_erasures(session, [{"name": "cat"}, {"name": "dog"}], HOLDER, joint=True)
    for one in accepted:
        assert publish(engine, claimed(engine, one.job.id)) == Published(1)


def test_what_was_left_out_is_not_pinned_and_has_the_version_reprojected_once_it_is_decided(engine: Engine) -> None:
    announce(engine)
    a_cat = accept(engine, "a-cat").job.id
    accept(engine, "bird")
    cat = claimed(engine, accept(engine, "cat").job.id)
    assert publish(engine, cat, ["a-cat", "bird"], left_out=["a-cat"]) == Published(1)
    (made,) = versions(engine, "cat")
    assert known_names(made.pinned) == ["bird"]
    assert live(engine, "cat") is None
    assert publish(engine, claimed(engine, a_cat), ["bird", "cat"]) == Published(1)
    assert known_names(due(engine, "cat").pinned) == ["a-cat"]


@pytest.mark.parametrize("obstacle", ["lease", "cancelled", "purged", "irrevocable"])
def test_where_an_erasure_cannot_be_published_at_all_others_are_not_looked_at(engine: Engine, obstacle: str) -> None:
    announce(engine)
    held = claimed(engine, accept(engine, "dog").job.id)
    erase(engine, "cat", irrevocable=obstacle == "irrevocable")
    if obstacle == "lease":
        let_lease_run_out(engine, held.job_id)
        assert claim(engine, held.job_id, "worker-2") is not None
    elif obstacle == "cancelled":
        with writing(engine) as session:
            jobs.request_cancel(session, held.job_id)
    elif obstacle == "purged":
        purge(engine, "dog")
    assert publish(engine, held) is None
    with reading(engine) as session:
        assert "dog" not in {concept["name"] for concept in concepts.decided_concepts(session)}
