"""Concepts that are optimised together."""

import pytest
from sqlalchemy import Engine

from sepme_core.documents.requests import AskedErasure
from sepme_core.registry import audit, concepts
from sepme_core.registry.concepts import Accepted
from sepme_core.registry.database import reading, writing
from sepme_core.registry.errors import ConceptBusy
from tests.sepme_core.registry.work import HOLDER, accept, announce, claimed, erase, get_job, listed_jobs, publish

CAT: AskedErasure = {"name": "cat", "kind": "object"}
DOG: AskedErasure = {"name": "dog", "kind": "object", "irrevocable": False}


def join(engine: Engine, *bodies: AskedErasure) -> list[Accepted]:
    with writing(engine) as session:
        return concepts.accept_erasures(session, bodies, HOLDER, joint=True)


def live_reprojections(engine: Engine) -> list[str | None]:
    with reading(engine) as session:
        return [job.concept for job in listed_jobs(session, kind="reproject")]


def test_each_job_of_a_group_holds_the_bodies_of_all_and_pins_none_of_them(engine: Engine) -> None:
    erase(engine, "monet")
    accepted = join(engine, DOG, CAT)
    assert [one.concept.name for one in accepted] == ["dog", "cat"]
    rows = [get_job(engine, one.job.id) for one in accepted]
    for row in rows:
        assert [member["name"] for member in row.request["group"]] == ["cat", "dog"]
        assert [known["name"] for known in row.pinned["known"]] == ["monet"]
    assert rows[0].request["group"] == rows[1].request["group"]
    assert [row.request["name"] for row in rows] == ["dog", "cat"]


def test_the_order_of_the_bodies_leaves_no_trace(engine: Engine) -> None:
    first = {one.concept.name: one.job.id for one in join(engine, CAT, DOG)}
    again = {one.concept.name: one.job.id for one in join(engine, DOG, CAT)}
    assert first == again


def test_members_protect_each_other_without_being_reprojected(engine: Engine) -> None:
    announce(engine)
    held = [claimed(engine, one.job.id) for one in join(engine, CAT, DOG)]
    for one in held:
        assert publish(engine, one)
    assert live_reprojections(engine) == []
    with reading(engine) as session:
        assert [entry.details["known_since"] for entry in audit.page(session, None, 10).items] == [[], []]
    erase(engine, "monet")
    assert sorted(map(str, live_reprojections(engine))) == ["cat", "dog"]


def test_the_same_group_again_needs_no_work_and_its_members_alone_do(engine: Engine) -> None:
    announce(engine)
    for one in join(engine, CAT, DOG):
        assert publish(engine, claimed(engine, one.job.id))
    assert all(one.already_done for one in join(engine, DOG, CAT))
    assert all(one.already_done for one in join(engine, {**DOG, "irrevocable": True}, CAT))
    assert not accept(engine, **CAT).already_done


def test_a_member_that_is_being_erased_alone_is_busy(engine: Engine) -> None:
    accept(engine, **CAT)
    with pytest.raises(ConceptBusy):
        join(engine, CAT, DOG)


def test_one_concept_is_no_group(engine: Engine) -> None:
    with pytest.raises(ValueError, match="two concepts"):
        join(engine, CAT)
