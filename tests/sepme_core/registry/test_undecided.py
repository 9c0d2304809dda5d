"""A newcomer that nobody has decided on yet is made room for by nobody else."""

import pytest
from sqlalchemy import Engine, select

from sepme_core.documents.requests import KnownDocument
from sepme_core.registry import concepts, jobs, knowledge
from sepme_core.registry.database import reading, writing
from sepme_core.registry.tables import Increment, Job
from tests.sepme_core.registry.reprojecting import due, fail, known_names, live, look, protect, reprojected
from tests.sepme_core.registry.work import OTHER_BASE, accept, announce, claimed, erase, get_concept, publish, restore


def known(engine: Engine) -> dict[str, tuple[bool, bool]]:
    """Whether each known concept is, or will be, erased, and whether it is decided."""
    with reading(engine) as session:
        return {each["name"]: (each["erased"], each["decided"]) for each in concepts.known_concepts(session)}


def decided(engine: Engine) -> list[KnownDocument]:
    with reading(engine) as session:
        return concepts.decided_concepts(session)


def accept_again(engine: Engine, base_digest: str) -> None:
    announce(engine, base_digest)
    with writing(engine) as session:
        concepts.accept_again(session, base_digest, "operator")


def test_known_concepts_say_what_is_erased_and_what_is_decided(engine: Engine) -> None:
    for name in ("cat", "dog", "fish", "bird"):
        erase(engine, name)
    for name in ("dog", "fish"):
        restore(engine, name)
    accept(engine, "fish", options={"seed": 1})
    accept(engine, "newcomer")
    assert known(engine) == {
        "bird": (True, True),
        "cat": (True, True),
        "dog": (False, True),
        "fish": (True, True),
        "newcomer": (True, False),
    }


def test_what_is_made_again_to_stay_restored_will_not_be_erased(engine: Engine) -> None:
    erase(engine, "dog")
    restore(engine, "dog")
    accept_again(engine, OTHER_BASE)
    assert known(engine) == {"dog": (False, True)}


def test_decided_is_what_has_a_version_as_it_was_made(engine: Engine) -> None:
    erase(engine, "cat", kind="object", prompts=["cat"])
    restore(engine, "cat")
    accept(engine, "cat", kind="other", prompts=["tabby"])
    accept(engine, "dog")
    assert decided(engine) == [{"name": "cat", "kind": "object", "prompts": ["cat"]}]


@pytest.mark.parametrize("irrevocable", [True, False])
def test_nothing_is_reprojected_for_a_newcomer_that_is_refused(engine: Engine, irrevocable: bool) -> None:
    erase(engine, "cat", irrevocable=irrevocable)
    held = claimed(engine, accept(engine, "a-cat", prompts=["a cat"]).job.id)
    look(engine)
    assert live(engine, "cat") is None
    fail(engine, held)
    look(engine)
    with reading(engine) as session:
        assert session.scalars(select(Job).where(Job.kind == "reproject")).all() == []
        (made,) = session.scalars(select(Increment))
        pinned = knowledge.unfolded(session, made.pinned)
    assert pinned == {"known": [], "protected": []}
    assert get_concept(engine, "cat")["version"] == 1


def test_a_reprojection_for_something_else_does_not_pin_the_newcomer(engine: Engine) -> None:
    erase(engine, "cat")
    accept(engine, "a-cat")
    erase(engine, "dog")
    assert known_names(due(engine, "cat").pinned) == ["dog"]
    protect(engine, "brand", "a red can")
    assert known_names(due(engine, "cat").pinned) == ["dog"]


def test_a_newcomer_that_is_published_has_the_others_reprojected(engine: Engine) -> None:
    erase(engine, "cat")
    held = claimed(engine, accept(engine, "dog").job.id)
    assert live(engine, "cat") is None
    assert publish(engine, held)
    assert due(engine, "cat").pinned["known"] == [{"name": "dog", "kind": "other", "prompts": ["dog"]}]


def test_more_prompts_that_come_to_nothing_have_nothing_reprojected(engine: Engine) -> None:
    erase(engine, "cat")
    erase(engine, "dog")
    reprojected(engine, "cat", "cat beside dog")
    held = claimed(engine, accept(engine, "dog", prompts=["dog", "hound"]).job.id)
    look(engine)
    fail(engine, held)
    look(engine)
    assert live(engine, "cat") is None


def test_an_increment_that_pinned_a_newcomer_leaves_it_alone_once_it_is_decided(engine: Engine) -> None:
    announce(engine)
    cat = accept(engine, "cat").job.id
    dog = accept(engine, "dog").job.id
    with reading(engine) as session:
        pinned = knowledge.unfolded(session, jobs.get(session, dog).pinned)["known"]
    assert pinned == [{"name": "cat", "kind": "other", "prompts": ["cat"], "erased": True, "decided": False}]
    assert publish(engine, claimed(engine, dog))
    assert publish(engine, claimed(engine, cat))
    assert (live(engine, "dog"), known_names(due(engine, "cat").pinned)) == (None, ["dog"])
