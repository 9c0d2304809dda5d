from functools import partial
from itertools import pairwise
from typing import Any, cast

import pytest
from sqlalchemy import Engine, select, update

from sepme_core.documents.answers import ProblemDocument
from sepme_core.documents.requests import AskedErasure, Pinned
from sepme_core.registry import audit, concepts, jobs, knowledge, protected, types
from sepme_core.registry.database import reading, writing
from sepme_core.registry.errors import ConceptBusy, ConceptIrrevocable, ConceptNamedTwice
from sepme_core.registry.tables import Concept, Job
from tests.sepme_core.registry.work import (
    BASE,
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
    listed_jobs,
    publish,
    purge,
    restore,
)


def accept_all(engine: Engine, *bodies: AskedErasure) -> list[concepts.Accepted]:
    with writing(engine) as session:
        accepted = concepts.accept_erasures(session, bodies, HOLDER)
        knowledge.unfold(session, [one.job for one in accepted])
        return accepted


def protect(engine: Engine, name: str, *prompts: str) -> None:
    with writing(engine) as session:
        protected.put(session, name, list(prompts), HOLDER)


def fail(engine: Engine, job_id: str) -> None:
    held = claimed(engine, job_id)
    with writing(engine) as session:
        jobs.fail(session, held, cast("ProblemDocument", {"title": "Not drawn", "status": 409}))


def known_names(job: Job) -> list[str]:
    return [known["name"] for known in job.pinned["known"]]


def test_a_new_concept_gets_a_job_with_defaults_filled_in(engine: Engine) -> None:
    accepted = accept(engine, "van-gogh")
    assert not accepted.already_done
    row = get_job(engine, accepted.job.id)
    assert (row.kind, row.queue, row.state, row.concept, row.actor) == (
        "erase",
        "erase",
        "queued",
        "van-gogh",
        HOLDER,
    )
    assert row.request == {
        "name": "van-gogh",
        "kind": "other",
        "prompts": ["van gogh"],
        "protect": [],
        "substitute": None,
        "irrevocable": False,
        "override": False,
        "options": {},
    }
    concept = get_concept(engine, "van-gogh")
    assert (concept["state"], concept["job"], concept["version"]) == ("never-erased", row.id, None)
    assert concept["prompts"] == ["van gogh"]


@pytest.mark.parametrize("name", ["", "Van", "van gogh", "-a", "a-", "a" * 65, "a/b", "ä"])
def test_malformed_names_are_refused(engine: Engine, name: str) -> None:
    with pytest.raises(ValueError, match="is not a name"):
        accept(engine, name)


@pytest.mark.parametrize("name", ["a", "7", "a-b", "a" * 64])
def test_well_formed_names_are_accepted(engine: Engine, name: str) -> None:
    assert accept(engine, name).concept.name == name


def test_the_same_request_while_it_runs_is_the_same_job(engine: Engine) -> None:
    first = accept(engine, "van-gogh", kind="style")
    assert accept(engine, "van-gogh", kind="style", prompts=["van gogh"]).job.id == first.job.id
    claimed(engine, first.job.id)
    again = accept(engine, "van-gogh", kind="style")
    assert again.job.id == first.job.id
    assert not again.already_done


def test_another_request_while_one_runs_is_refused(engine: Engine) -> None:
    first = accept(engine, "van-gogh", kind="style")
    with pytest.raises(ConceptBusy) as refusal:
        accept(engine, "van-gogh", kind="style", options={"seed": 1})
    assert refusal.value.job_id == first.job.id
    with pytest.raises(ConceptBusy):
        accept(engine, "van-gogh", kind="style", irrevocable=True)


def test_a_request_that_an_earlier_release_stored_is_still_the_same(engine: Engine) -> None:
    """Its rows say nothing of what is drawn instead."""
    first = accept(engine, "van-gogh", kind="style").job
    earlier = {key: value for key, value in first.request.items() if key != "substitute"}
    with writing(engine) as session:
        session.execute(update(Job).where(Job.id == first.id).values(request=earlier))
    assert accept(engine, "van-gogh", kind="style").job.id == first.id
    with pytest.raises(ConceptBusy):
        accept(engine, "van-gogh", kind="style", substitute="a house")
    announce(engine)
    assert publish(engine, claimed(engine, first.id))
    assert accept(engine, "van-gogh", kind="style").already_done
    assert not accept(engine, "van-gogh", kind="style", substitute="a house").already_done


def test_a_group_that_an_earlier_release_stored_is_still_the_same(engine: Engine) -> None:
    with writing(engine) as session:
        first, _ = concepts.accept_erasures(session, [{"name": "cat"}, {"name": "dog"}], HOLDER, joint=True)
    bodies = get_job(engine, first.job.id).request["group"]
    plain: Any = [{key: value for key, value in one.items() if key != "substitute"} for one in bodies]
    with writing(engine) as session:
        (request,) = knowledge.storable(session, [plain[0] | {"group": plain}])
        session.execute(update(Job).where(Job.id == first.job.id).values(request=request))
    with writing(engine) as session:
        again, _ = concepts.accept_erasures(session, [{"name": "cat"}, {"name": "dog"}], HOLDER, joint=True)
    assert again.job.id == first.job.id


def test_requests_for_one_concept_at_once_share_one_job(engine: Engine) -> None:
    outcomes = at_once(*(partial(accept, engine, "van-gogh") for _ in range(6)))
    ids = {outcome.job.id for outcome in outcomes if isinstance(outcome, concepts.Accepted)}
    assert len(ids) == 1
    assert all(isinstance(outcome, concepts.Accepted) for outcome in outcomes)
    with reading(engine) as session:
        assert len(session.scalars(select(Job)).all()) == 1


def test_different_requests_for_one_concept_at_once_leave_one(engine: Engine) -> None:
    outcomes = at_once(*(partial(accept, engine, "van-gogh", options={"seed": seed}) for seed in range(4)))
    assert sum(isinstance(outcome, concepts.Accepted) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, ConceptBusy) for outcome in outcomes) == 3


def test_erased_by_the_same_request_needs_no_work(engine: Engine) -> None:
    made = erase(engine, "van-gogh", kind="style")
    tag = get_etag(engine, "van-gogh")
    again = accept(engine, "van-gogh", kind="style")
    assert again.already_done
    assert again.job.id != made.id
    row = get_job(engine, again.job.id)
    assert (row.state, row.result) == ("succeeded", get_concept(engine, "van-gogh"))
    assert row.started_at == row.finished_at == row.created_at
    with reading(engine) as session:
        assert [event.kind for event in jobs.events_after(session, row.id, 0)] == ["succeeded"]
    assert get_etag(engine, "van-gogh") == tag


def test_restored_and_still_valid_serves_again_at_once(engine: Engine) -> None:
    erase(engine, "van-gogh", kind="style")
    before = get_concept(engine, "van-gogh")
    restore(engine, "van-gogh")
    again = accept(engine, "van-gogh", kind="style")
    assert again.already_done
    after = get_concept(engine, "van-gogh")
    assert after["state"] == "erased"
    assert (after["version"], after["digest"]) == (1, before["digest"])
    assert get_job(engine, again.job.id).result == after
    with reading(engine) as session:
        entry = audit.page(session, None, 10).items[-1]
    assert (entry.action, entry.from_digest, entry.to_digest) == ("reactivate", None, before["digest"])


def test_restored_but_for_another_body_needs_work(engine: Engine) -> None:
    erase(engine, "van-gogh", kind="style")
    restore(engine, "van-gogh")
    accepted = accept(engine, "van-gogh", kind="style", options={"seed": 1})
    assert not accepted.already_done
    assert get_concept(engine, "van-gogh")["state"] == "restored"
    assert publish(engine, claimed(engine, accepted.job.id))
    concept = get_concept(engine, "van-gogh")
    assert (concept["state"], concept["version"]) == ("erased", 2)
    with reading(engine) as session:
        entry = audit.page(session, None, 10).items[-1]
    assert (entry.action, entry.from_digest, entry.to_digest) == ("erase", None, concept["digest"])


def test_another_body_makes_a_new_version_while_the_old_one_serves(engine: Engine) -> None:
    erase(engine, "van-gogh", kind="style", prompts=["Van Gogh"])
    old = get_concept(engine, "van-gogh")
    accepted = accept(engine, "van-gogh", kind="person", prompts=["Vincent"], protect=["monet"])
    during = get_concept(engine, "van-gogh")
    assert {key: during[key] for key in ("state", "digest", "kind", "prompts")} == {
        "state": "erased",
        "digest": old["digest"],
        "kind": "style",
        "prompts": ["Van Gogh"],
    }
    assert during["job"] == accepted.job.id
    assert publish(engine, claimed(engine, accepted.job.id), "new bytes")
    after = get_concept(engine, "van-gogh")
    assert (after["kind"], after["prompts"], after["protect"]) == ("person", ["Vincent"], ["monet"])
    assert (after["version"], after["job"]) == (2, None)
    assert [version["version"] for version in after["versions"]] == [1, 2]
    with reading(engine) as session:
        entry = audit.page(session, None, 10).items[-1]
    assert (entry.action, entry.from_digest, entry.to_digest) == ("erase", old["digest"], after["digest"])


def test_a_new_version_that_fails_leaves_the_old_one_serving(engine: Engine) -> None:
    erase(engine, "van-gogh", kind="style")
    before = get_concept(engine, "van-gogh")
    fail(engine, accept(engine, "van-gogh", kind="person").job.id)
    after = get_concept(engine, "van-gogh")
    assert {**after, "updated_at": before["updated_at"]} == before


def test_the_same_request_for_another_base_needs_work(engine: Engine) -> None:
    erase(engine, "van-gogh")
    announce(engine, OTHER_BASE)
    accepted = accept(engine, "van-gogh")
    assert not accepted.already_done
    assert publish(engine, claimed(engine, accepted.job.id), "for the other", OTHER_BASE)
    announce(engine, OTHER_BASE)
    assert accept(engine, "van-gogh").already_done
    announce(engine, BASE)
    assert not accept(engine, "van-gogh").already_done


def test_prompts_protected_since_need_work(engine: Engine) -> None:
    protect(engine, "brand", "a red can")
    erase(engine, "van-gogh")
    assert accept(engine, "van-gogh").already_done
    protect(engine, "watermark", "a watermark")
    accepted = accept(engine, "van-gogh")
    assert not accepted.already_done
    assert accepted.job.pinned["protected"] == [
        {"name": "brand", "prompts": ["a red can"]},
        {"name": "watermark", "prompts": ["a watermark"]},
    ]


def test_prompts_protected_no_longer_need_no_work(engine: Engine) -> None:
    protect(engine, "brand", "a red can")
    erase(engine, "van-gogh")
    with writing(engine) as session:
        protected.delete(session, "brand", HOLDER)
    assert accept(engine, "van-gogh").already_done


def test_all_other_known_concepts_are_pinned_by_name(engine: Engine) -> None:
    erase(engine, "monet", kind="style", prompts=["Monet", "Claude Monet"])
    erase(engine, "cat", kind="object")
    restore(engine, "cat")
    under_way = accept(engine, "dog", kind="object").job
    pinned = accept(engine, "van-gogh", kind="style").job.pinned
    assert pinned == {
        "known": [
            {"name": "cat", "kind": "object", "prompts": ["cat"], "erased": False, "decided": True},
            {"name": "dog", "kind": "object", "prompts": ["dog"], "erased": True, "decided": False},
            {"name": "monet", "kind": "style", "prompts": ["Monet", "Claude Monet"], "erased": True, "decided": True},
        ],
        "protected": [],
        "irrevocable": [],
    }
    assert known_names(get_job(engine, under_way.id)) == ["cat", "monet"]


def test_a_first_erasure_that_failed_or_was_cancelled_is_not_known(engine: Engine) -> None:
    fail(engine, accept(engine, "vangogh").job.id)
    accept(engine, "van-goh")
    restore(engine, "van-goh")
    assert known_names(accept(engine, "van-gogh").job) == []


def test_a_purged_concept_is_not_known(engine: Engine) -> None:
    erase(engine, "cat")
    purge(engine, "cat")
    assert known_names(accept(engine, "dog").job) == []


def test_old_and_new_prompts_are_known_while_a_concept_is_made_anew(engine: Engine) -> None:
    erase(engine, "van-gogh", kind="style", prompts=["Van Gogh", "van gogh"])
    accept(engine, "van-gogh", kind="person", prompts=["Vincent", "Van Gogh"])
    known = accept(engine, "cat").job.pinned["known"]
    prompts = ["Van Gogh", "van gogh", "Vincent"]
    assert known == [{"name": "van-gogh", "kind": "person", "prompts": prompts, "erased": True, "decided": True}]


def test_concepts_accepted_together_pin_each_other(engine: Engine) -> None:
    erase(engine, "monet")
    bodies: list[AskedErasure] = [{"name": "dog"}, {"name": "cat"}, {"name": "van-gogh"}]
    accepted = accept_all(engine, *bodies)
    assert [one.concept.name for one in accepted] == ["dog", "cat", "van-gogh"]
    assert [known_names(get_job(engine, one.job.id)) for one in accepted] == [
        ["cat", "monet", "van-gogh"],
        ["dog", "monet", "van-gogh"],
        ["cat", "dog", "monet"],
    ]


def test_concepts_accepted_at_once_by_different_requests_know_of_each_other(engine: Engine) -> None:
    """Whichever comes second must know of the first: on PostgreSQL two transactions do not see each other by itself."""
    outcomes = at_once(*(partial(accept, engine, name) for name in ("a", "b", "c", "d")))
    assert all(isinstance(outcome, concepts.Accepted) for outcome in outcomes)
    known = [len(known_names(outcome.job)) for outcome in outcomes if isinstance(outcome, concepts.Accepted)]
    assert sorted(known) == [0, 1, 2, 3]


def test_several_are_accepted_all_or_none(engine: Engine) -> None:
    erase(engine, "monet")
    accept(engine, "cat", kind="object")
    with pytest.raises(ConceptBusy):
        accept_all(engine, {"name": "dog"}, {"name": "monet", "kind": "style"}, {"name": "cat", "kind": "style"})
    with reading(engine) as session:
        assert session.scalars(select(Concept.name).order_by(Concept.name)).all() == ["cat", "monet"]
        assert session.scalars(select(Job.concept).where(Job.state == "queued")).all() == ["cat"]


def test_jobs_accepted_together_stand_in_the_order_of_the_request(engine: Engine) -> None:
    names = ["dog", "cat", "fish", "ant", "bee"]
    job_ids = [one.job.id for one in accept_all(engine, *(AskedErasure(name=name) for name in names))]
    moments = [get_job(engine, job_id).created_at for job_id in job_ids]
    assert all(before < after for before, after in pairwise(moments))
    with reading(engine) as session:
        assert [job.concept for job in listed_jobs(session)] == names[::-1]


def test_a_later_job_stands_behind_whatever_the_clock_says(engine: Engine) -> None:
    first = accept(engine, "cat").job.id
    with writing(engine) as session:
        session.execute(update(Job).where(Job.id == first).values(created_at=types.database_time(60)))
    later = [one.job.id for one in accept_all(engine, {"name": "dog"}, {"name": "bird"})]
    moments = [get_job(engine, job_id).created_at for job_id in (first, *later)]
    assert all(before < after for before, after in pairwise(moments))


def test_one_request_cannot_name_a_concept_twice(engine: Engine) -> None:
    with pytest.raises(ConceptNamedTwice, match="cat"):
        accept_all(engine, {"name": "cat"}, {"name": "cat", "kind": "object"})


def test_among_several_those_already_done_are_left_alone(engine: Engine) -> None:
    erase(engine, "monet")
    running = accept(engine, "cat").job
    pinned_before = get_job(engine, running.id).pinned
    done, joined, new = accept_all(engine, {"name": "monet"}, {"name": "cat"}, {"name": "dog"})
    assert done.already_done
    assert joined.job.id == running.id
    assert get_job(engine, running.id).pinned == pinned_before
    assert known_names(new.job) == ["cat", "monet"]


def test_the_same_erasures_publish_the_same_whatever_order_they_finish_in(engine: Engine) -> None:
    first, second = accept_all(engine, {"name": "cat"}, {"name": "dog"})
    held = {one.concept.name: claimed(engine, one.job.id) for one in (second, first)}
    dog = {"name": "dog", "kind": "other", "prompts": ["dog"], "erased": True, "decided": False}
    assert cast("Pinned", held["cat"].pinned)["known"] == [dog]
    assert publish(engine, held["dog"])
    assert publish(engine, held["cat"])
    with reading(engine) as session:
        assert [entry.details["known_since"] for entry in audit.page(session, None, 10).items] == [[], []]


def test_what_became_known_while_an_erasure_ran_is_looked_at_when_it_publishes(engine: Engine) -> None:
    held = claimed(engine, accept(engine, "cat").job.id)
    erase(engine, "dog")
    assert publish(engine, held)
    with reading(engine) as session:
        assert audit.page(session, None, 10).items[-1].details["known_since"] == ["dog"]


def test_a_job_that_only_waits_for_its_worker_to_let_go_does_not_block_the_next(engine: Engine) -> None:
    old = claimed(engine, accept(engine, "van-gogh").job.id)
    with writing(engine) as session:
        jobs.request_cancel(session, old.job_id)
    new = accept(engine, "van-gogh").job
    assert new.id != old.job_id
    assert get_job(engine, old.job_id).state == "cancelled"
    assert not publish(engine, old)
    assert publish(engine, claimed(engine, new.id))


def test_irrevocable_takes_hold_when_the_increment_serves(engine: Engine) -> None:
    accepted = accept(engine, "nudity", irrevocable=True)
    assert get_concept(engine, "nudity")["irrevocable"] is False
    assert publish(engine, claimed(engine, accepted.job.id))
    assert get_concept(engine, "nudity")["irrevocable"] is True


def test_what_is_erased_can_be_made_irrevocable_without_work_and_never_back(engine: Engine) -> None:
    erase(engine, "nudity")
    tag = get_etag(engine, "nudity")
    assert accept(engine, "nudity", irrevocable=True).already_done
    assert get_concept(engine, "nudity")["irrevocable"] is True
    assert get_etag(engine, "nudity") != tag
    with reading(engine) as session:
        assert audit.page(session, None, 10).items[-1].action == "make-irrevocable"
    assert accept(engine, "nudity", irrevocable=False).already_done
    assert publish(engine, claimed(engine, accept(engine, "nudity", options={"seed": 1}).job.id))
    assert get_concept(engine, "nudity")["irrevocable"] is True
    with pytest.raises(ConceptIrrevocable):
        restore(engine, "nudity")


def test_a_stored_increment_can_serve_again_irrevocably(engine: Engine) -> None:
    erase(engine, "nudity")
    restore(engine, "nudity")
    assert accept(engine, "nudity", irrevocable=True).already_done
    concept = get_concept(engine, "nudity")
    assert (concept["state"], concept["irrevocable"]) == ("erased", True)
