"""One thing, one concept: a further name is a further notice, and nothing of its own."""

from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from sepme_core.documents.requests import AskedErasure
from sepme_core.registry import audit, concepts, jobs, knowledge
from sepme_core.registry.concepts import Accepted
from sepme_core.registry.database import reading, writing
from sepme_core.registry.errors import (
    ConceptBusy,
    ConceptIrrevocable,
    ConceptMoved,
    ConceptNamedTwice,
    ConceptNeverErased,
    ConceptOfItsOwn,
    FurtherNameOnly,
    SameAsItself,
    UnknownConcept,
)
from sepme_core.registry.tables import AuditEntry, Concept, FurtherName, Job
from tests.sepme_core.registry.reprojecting import fail
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
    purge,
    restore,
)


def accept_all(engine: Engine, *bodies: AskedErasure, joint: bool = False) -> list[Accepted]:
    with writing(engine) as session:
        accepted = concepts.accept_erasures(session, bodies, HOLDER, joint=joint)
        knowledge.unfold(session, [one.job for one in accepted])
        return accepted


def further(engine: Engine) -> dict[str, tuple[str, list[str]]]:
    with reading(engine) as session:
        return {row.name: (row.concept, row.prompts) for row in session.scalars(select(FurtherName))}


def entries(engine: Engine, action: str) -> list[AuditEntry]:
    with reading(engine) as session:
        assert audit.verify(session) is None
        return [entry for entry in audit.page(session, None, 100).items if entry.action == action]


def refuse(engine: Engine, name: str, **body: Any) -> None:
    """A newcomer that its worker refuses leaves its row behind."""
    fail(engine, claimed(engine, accept(engine, name, **body).job.id))


def test_a_further_name_makes_its_concept_anew_with_more_prompts(engine: Engine) -> None:
    erase(engine, "cat", kind="object", prompts=["cat"], protect=["dog"], options={"seed": 3}, substitute="a dog")
    accepted = accept(engine, "a-cat", same_as="cat", prompts=["a cat", "cat"])
    assert (accepted.job.concept, accepted.concept.name, accepted.already_done) == ("cat", "cat", False)
    assert accepted.job.request == {
        "name": "cat",
        "kind": "object",
        "prompts": ["cat", "a cat"],
        "protect": ["dog"],
        "substitute": "a dog",
        "irrevocable": False,
        "override": False,
        "options": {"seed": 3},
    }
    assert accepted.job.pinned["known"] == []
    assert publish(engine, claimed(engine, accepted.job.id), "cat anew")
    document = get_concept(engine, "cat")
    assert (document["version"], document["prompts"]) == (2, ["cat", "a cat"])
    (name,) = document["further_names"]
    assert (name["name"], name["prompts"]) == ("a-cat", ["a cat", "cat"])
    assert name["created_at"].endswith("Z")
    with reading(engine) as session:
        assert session.get(Concept, "a-cat") is None


def test_the_prompts_of_a_further_name_are_its_name_where_none_are_sent(engine: Engine) -> None:
    erase(engine, "cat")
    assert accept(engine, "a-cat", same_as="cat").job.request["prompts"] == ["cat", "a cat"]


def test_a_further_name_is_audited_once_for_each_new_wording(engine: Engine) -> None:
    erase(engine, "cat")
    for prompts in (["a cat"], ["a cat"], ["a cat", "the cat"]):
        job = accept(engine, "a-cat", same_as="cat", prompts=prompts).job
        assert publish(engine, claimed(engine, job.id)) if job.state == "queued" else True
    noted = entries(engine, "further-name")
    assert [(entry.actor, entry.concept, entry.details) for entry in noted] == [
        (HOLDER, "cat", {"name": "a-cat", "prompts": ["a cat"]}),
        (HOLDER, "cat", {"name": "a-cat", "prompts": ["the cat"]}),
    ]
    assert further(engine) == {"a-cat": ("cat", ["a cat", "the cat"])}


def test_wordings_that_the_concept_has_need_no_work(engine: Engine) -> None:
    erase(engine, "cat", prompts=["cat", "a cat"])
    tag = get_etag(engine, "cat")
    accepted = accept(engine, "a-cat", same_as="cat")
    assert (accepted.already_done, accepted.job.state, accepted.job.concept) == (True, "succeeded", "cat")
    assert accepted.job.result == get_concept(engine, "cat")
    assert further(engine) == {"a-cat": ("cat", ["a cat"])}
    assert get_etag(engine, "cat") != tag, "an operator has changed it"
    tag = get_etag(engine, "cat")
    assert accept(engine, "a-cat", same_as="cat").already_done
    assert get_etag(engine, "cat") == tag


def test_a_further_name_hardens_its_concept(engine: Engine) -> None:
    erase(engine, "cat", prompts=["cat", "a cat"])
    assert accept(engine, "a-cat", same_as="cat", irrevocable=True).already_done
    assert get_concept(engine, "cat")["irrevocable"] is True
    erase(engine, "dog")
    job = accept(engine, "a-dog", same_as="dog", irrevocable=True).job
    assert job.request["irrevocable"] is True
    assert publish(engine, claimed(engine, job.id))
    assert accept(engine, "the-dog", same_as="dog").job.request["irrevocable"] is True


def test_an_overlap_is_given_up_for_new_wordings_alone(engine: Engine) -> None:
    erase(engine, "cat")
    assert accept(engine, "a-cat", same_as="cat", override=True).job.request["override"] is True
    erase(engine, "dog", prompts=["dog", "a dog"])
    assert accept(engine, "a-dog", same_as="dog", override=True).already_done


def test_a_restored_concept_serves_again_under_its_further_name(engine: Engine) -> None:
    erase(engine, "cat", prompts=["cat", "a cat"])
    restore(engine, "cat")
    assert accept(engine, "a-cat", same_as="cat").already_done
    assert get_concept(engine, "cat")["state"] == "erased"


def test_a_further_name_needs_not_be_said_twice(engine: Engine) -> None:
    erase(engine, "cat")
    first = accept(engine, "a-cat", same_as="cat", prompts=["a cat"]).job
    assert accept(engine, "a-cat").job.id == first.id
    assert publish(engine, claimed(engine, first.id))
    assert accept(engine, "a-cat").already_done
    assert accept(engine, "a-cat", prompts=["the cat"]).job.request["prompts"] == ["cat", "a cat", "the cat"]
    with reading(engine) as session:
        assert session.scalars(select(Concept.name)).all() == ["cat"]


def test_a_further_name_of_a_further_name_is_one_of_the_concept(engine: Engine) -> None:
    erase(engine, "cat", prompts=["cat", "a cat", "the cat"])
    accept(engine, "a-cat", same_as="cat")
    accept(engine, "the-cat", same_as="a-cat")
    assert {name: concept for name, (concept, _) in further(engine).items()} == {"a-cat": "cat", "the-cat": "cat"}


def test_a_concepts_own_request_always_gets_the_wordings_of_its_further_names(engine: Engine) -> None:
    erase(engine, "cat", prompts=["cat"])
    job = accept(engine, "a-cat", same_as="cat", prompts=["a cat"]).job
    assert accept(engine, "cat", prompts=["cat"]).job.id == job.id
    assert publish(engine, claimed(engine, job.id))
    assert accept(engine, "cat", prompts=["cat"]).already_done
    assert accept(engine, "cat", prompts=["tabby"]).job.request["prompts"] == ["tabby", "a cat"]


def test_a_notice_whose_job_failed_is_not_dropped(engine: Engine) -> None:
    erase(engine, "cat", prompts=["cat"])
    fail(engine, claimed(engine, accept(engine, "a-cat", same_as="cat", prompts=["a cat"]).job.id))
    assert get_concept(engine, "cat")["prompts"] == ["cat"]
    again = accept(engine, "cat", prompts=["cat"])
    assert (again.already_done, again.job.request["prompts"]) == (False, ["cat", "a cat"])


def test_for_another_base_a_concept_is_made_again_with_all_its_wordings(engine: Engine) -> None:
    announce(engine)
    for one in accept_all(engine, {"name": "cat"}, {"name": "dog"}, joint=True):
        assert publish(engine, claimed(engine, one.job.id))
    fail(engine, claimed(engine, accept(engine, "a-cat", same_as="cat").job.id))
    announce(engine, OTHER_BASE)
    with writing(engine) as session:
        again = concepts.accept_again(session, OTHER_BASE, HOLDER)
        knowledge.unfold(session, [one.job for one in again])
    groups = [{member["name"]: member["prompts"] for member in one.job.request["group"]} for one in again]
    assert groups == [{"cat": ["cat", "a cat"], "dog": ["dog"]}] * 2
    assert [one.job.request["prompts"] for one in again] == [["cat", "a cat"], ["dog"]]


def test_with_new_wordings_a_concept_is_no_longer_made_with_its_group(engine: Engine) -> None:
    announce(engine)
    for one in accept_all(engine, {"name": "cat", "prompts": ["cat", "puss"]}, {"name": "dog"}, joint=True):
        assert publish(engine, claimed(engine, one.job.id))
    assert accept(engine, "puss", same_as="cat").already_done
    job = accept(engine, "a-cat", same_as="cat").job
    assert "group" not in job.request
    assert job.request["prompts"] == ["cat", "puss", "a cat"]


def test_a_further_name_in_a_joint_erasure_stands_for_its_concept(engine: Engine) -> None:
    announce(engine)
    for one in accept_all(engine, {"name": "cat"}, {"name": "dog"}, joint=True):
        assert publish(engine, claimed(engine, one.job.id))
    cat, bird = accept_all(engine, {"name": "a-cat", "same_as": "cat"}, {"name": "bird"}, joint=True)
    assert (cat.job.concept, bird.job.concept) == ("cat", "bird")
    for one in (cat, bird):
        members = one.job.request["group"]
        assert [member["name"] for member in members] == ["bird", "cat"]
        assert all("group" not in member and "same_as" not in member for member in members)
    assert cat.job.request["group"][1]["prompts"] == ["cat", "a cat"]


def test_a_group_holds_no_group_of_before(engine: Engine) -> None:
    announce(engine)
    for one in accept_all(engine, {"name": "cat", "prompts": ["cat", "puss"]}, {"name": "dog"}, joint=True):
        assert publish(engine, claimed(engine, one.job.id))
    for one in accept_all(engine, {"name": "puss", "same_as": "cat"}, {"name": "bird"}, joint=True):
        assert all("group" not in member for member in one.job.request["group"])


def test_what_a_refused_newcomer_left_becomes_a_further_name(engine: Engine) -> None:
    erase(engine, "cat")
    refuse(engine, "a-cat")
    assert accept(engine, "a-cat", same_as="cat").job.concept == "cat"
    with reading(engine) as session:
        assert session.scalars(select(Concept.name)).all() == ["cat"]


def test_the_further_names_of_a_refused_newcomer_go_along(engine: Engine) -> None:
    erase(engine, "cat")
    held = claimed(engine, accept(engine, "a-cat", prompts=["a cat", "puss"]).job.id)
    accept(engine, "puss", same_as="a-cat")
    fail(engine, held)
    job = accept(engine, "a-cat", same_as="cat", prompts=["a cat"]).job
    assert job.request["prompts"] == ["cat", "a cat", "puss"]
    assert {name: concept for name, (concept, _) in further(engine).items()} == {"a-cat": "cat", "puss": "cat"}


def test_a_concept_under_way_may_have_further_names_of_the_same_wordings(engine: Engine) -> None:
    first = accept(engine, "cat", prompts=["cat", "a cat"]).job
    assert accept(engine, "a-cat", same_as="cat").job.id == first.id
    with pytest.raises(ConceptBusy) as refusal:
        accept(engine, "puss", same_as="cat")
    assert (refusal.value.name, refusal.value.job_id) == ("cat", first.id)
    assert list(further(engine)) == ["a-cat"], "what is refused is not recorded"


def test_while_other_wordings_are_made_more_are_refused(engine: Engine) -> None:
    erase(engine, "cat")
    accept(engine, "a-cat", same_as="cat")
    with pytest.raises(ConceptBusy):
        accept(engine, "puss", same_as="cat")


def test_notices_at_once_are_one_job_or_refused(engine: Engine) -> None:
    erase(engine, "cat")
    outcomes = at_once(*(partial(accept, engine, "a-cat", same_as="cat") for _ in range(4)))
    assert len({outcome.job.id for outcome in outcomes if isinstance(outcome, Accepted)}) == 1
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    assert len(entries(engine, "further-name")) == 1


def test_a_name_that_is_being_erased_by_itself_is_busy(engine: Engine) -> None:
    erase(engine, "cat")
    job = accept(engine, "a-cat").job
    with pytest.raises(ConceptBusy) as refusal:
        accept(engine, "a-cat", same_as="cat")
    assert (refusal.value.name, refusal.value.job_id) == ("a-cat", job.id)


def test_a_concept_with_versions_of_its_own_cannot_become_a_further_name(engine: Engine) -> None:
    for name in ("cat", "a-cat"):
        erase(engine, name)
    restore(engine, "a-cat")
    with pytest.raises(ConceptOfItsOwn) as refusal:
        accept(engine, "a-cat", same_as="cat")
    assert (refusal.value.name, refusal.value.same_as) == ("a-cat", "cat")
    purge(engine, "a-cat")
    assert accept(engine, "a-cat", same_as="cat").job.concept == "cat"


def test_what_was_never_erased_has_no_further_names(engine: Engine) -> None:
    with pytest.raises(UnknownConcept, match="cat"):
        accept(engine, "a-cat", same_as="cat")
    refuse(engine, "cat")
    with pytest.raises(ConceptNeverErased, match="cat"):
        accept(engine, "a-cat", same_as="cat")
    held = claimed(engine, accept(engine, "cat").job.id)
    with writing(engine) as session:
        jobs.request_cancel(session, held.job_id)
    with pytest.raises(ConceptNeverErased, match="cat"):
        accept(engine, "a-cat", same_as="cat")
    assert further(engine) == {}


def test_nothing_is_a_further_name_of_itself(engine: Engine) -> None:
    erase(engine, "cat")
    accept(engine, "a-cat", same_as="cat")
    for name, same_as in (("cat", "cat"), ("cat", "a-cat"), ("a-cat", "a-cat")):
        with pytest.raises(SameAsItself, match=f"'{name}'"):
            accept(engine, name, same_as=same_as)


def test_a_name_stands_for_one_concept(engine: Engine) -> None:
    for name in ("cat", "dog"):
        erase(engine, name)
    accept(engine, "pet", same_as="cat")
    with pytest.raises(FurtherNameOnly) as refusal:
        accept(engine, "pet", same_as="dog")
    assert (refusal.value.name, refusal.value.concept) == ("pet", "cat")


def test_one_request_cannot_come_to_a_concept_twice(engine: Engine) -> None:
    erase(engine, "cat")
    with pytest.raises(ConceptNamedTwice) as refusal:
        accept_all(engine, {"name": "dog"}, {"name": "cat"}, {"name": "a-cat", "same_as": "cat"})
    assert (refusal.value.name, refusal.value.place) == ("cat", 2)
    accept(engine, "a-cat", same_as="cat")
    with pytest.raises(ConceptNamedTwice) as refusal:
        accept_all(engine, {"name": "a-cat"}, {"name": "cat"})
    assert refusal.value.place == 1
    with reading(engine) as session:
        assert session.get(Concept, "dog") is None


def test_a_group_stored_by_an_earlier_release_takes_new_wordings(engine: Engine) -> None:
    job = accept(engine, "cat").job
    plain = {key: value for key, value in job.request.items() if key != "substitute"}
    with writing(engine) as session:
        session.execute(update(Job).where(Job.id == job.id).values(request=plain))
    announce(engine)
    assert publish(engine, claimed(engine, job.id))
    assert accept(engine, "a-cat", same_as="cat").job.request["substitute"] is None


def test_a_further_name_finds_its_concept(engine: Engine) -> None:
    erase(engine, "cat")
    accept(engine, "a-cat", same_as="cat")
    assert get_concept(engine, "a-cat") == get_concept(engine, "cat")
    assert get_etag(engine, "a-cat") == get_etag(engine, "cat")


def test_a_mask_takes_a_further_name_for_its_concept_once(engine: Engine) -> None:
    erase(engine, "cat", prompts=["cat", "a cat"])
    accept(engine, "a-cat", same_as="cat")
    with reading(engine) as session:
        alone, both = [concepts.resolve_mask(session, names) for names in (["a-cat"], ["a-cat", "cat"])]
    assert [concept.name for concept in alone.concepts] == ["cat"]
    assert both == alone


def test_a_mask_names_what_has_no_increment_as_the_client_did(engine: Engine) -> None:
    accept(engine, "cat", prompts=["cat", "a cat"])
    accept(engine, "a-cat", same_as="cat")
    fail(engine, claimed(engine, accept(engine, "dog", prompts=["dog", "a dog"]).job.id))
    held = claimed(engine, accept(engine, "dog", prompts=["dog", "a dog"]).job.id)
    accept(engine, "a-dog", same_as="dog")
    fail(engine, held)
    with reading(engine) as session:
        mask = concepts.resolve_mask(session, ["a-dog", "a-cat", "cat", "zebra"])
    assert (mask.missing, mask.in_progress) == (("a-dog", "zebra"), ("a-cat", "cat"))


def test_a_further_name_cannot_be_restored(engine: Engine) -> None:
    erase(engine, "cat")
    accept(engine, "a-cat", same_as="cat")
    with pytest.raises(FurtherNameOnly) as refusal:
        restore(engine, "a-cat")
    assert (refusal.value.name, refusal.value.concept) == ("a-cat", "cat")
    assert get_concept(engine, "cat")["job"] is not None


def test_a_further_name_is_withdrawn_alone_and_its_wordings_go_with_the_next_version(engine: Engine) -> None:
    erase(engine, "cat", prompts=["cat"])
    assert publish(engine, claimed(engine, accept(engine, "a-cat", same_as="cat").job.id))
    tag = get_etag(engine, "cat")
    with pytest.raises(ConceptMoved):
        purge(engine, "a-cat", '"stale"')
    purge(engine, "a-cat", tag)
    assert get_etag(engine, "cat") != tag
    document = get_concept(engine, "cat")
    assert (document["state"], document["prompts"], document["further_names"]) == ("erased", ["cat", "a cat"], [])
    (entry,) = entries(engine, "withdraw-further-name")
    assert (entry.concept, entry.details) == ("cat", {"name": "a-cat", "prompts": ["a cat"]})
    with pytest.raises(UnknownConcept, match="a-cat"):
        get_concept(engine, "a-cat")
    assert accept(engine, "cat", prompts=["cat"]).job.request["prompts"] == ["cat"]


def test_a_notice_of_what_is_erased_for_good_is_not_withdrawn(engine: Engine) -> None:
    erase(engine, "cat", prompts=["cat", "a cat"], irrevocable=True)
    accept(engine, "a-cat", same_as="cat")
    with pytest.raises(ConceptIrrevocable, match="'cat'"):
        purge(engine, "a-cat")
    assert "a-cat" in further(engine)


def test_a_purged_concept_takes_its_further_names_along(engine: Engine) -> None:
    erase(engine, "cat", prompts=["cat", "a cat"])
    accept(engine, "a-cat", same_as="cat")
    purge(engine, "cat")
    assert further(engine) == {}
    assert entries(engine, "purge")[0].details["further_names"] == ["a-cat"]
    assert get_job(engine, accept(engine, "a-cat").job.id).concept == "a-cat"
