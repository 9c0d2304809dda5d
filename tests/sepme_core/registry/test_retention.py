"""What was known once is forgotten when nothing pins it any more, and never before: on both databases."""

from threading import Event, Thread
from typing import Any

import pytest
from sqlalchemy import Engine, delete, func, select, update

from sepme_core.documents.requests import KeptKnowledge, KnownDocument, StoredPins
from sepme_core.registry import knowledge, retention
from sepme_core.registry.database import reading, serialise, writing
from sepme_core.registry.retention import Found
from sepme_core.registry.tables import Increment, Job, Knowledge, KnownThing
from sepme_core.registry.types import database_time, new_id
from tests.sepme_core.registry.work import HOLDER, erase

GRACE = 3600.0
CAT, DOG, OWL = (KnownDocument(name=name, kind="object", prompts=[name]) for name in ("cat", "dog", "owl"))


def keep(engine: Engine, *known: KnownDocument) -> KeptKnowledge:
    with writing(engine) as session:
        serialise(session)
        return knowledge.keep(session, known, [])


def pinning(pinned: StoredPins | KeptKnowledge, **request: Any) -> Job:
    columns = {"kind": "erase", "queue": "erase", "state": "succeeded", "actor": HOLDER}
    return Job(id=new_id(), request={"name": "cat", **request}, pinned=pinned, **columns)


def find(engine: Engine) -> Found:
    with reading(engine) as session:
        return retention.find(session, GRACE)


def forget(engine: Engine, found: Found) -> int:
    with writing(engine) as session:
        return retention.forget(session, found)


def let_grace_pass(engine: Engine) -> None:
    with writing(engine) as session:
        marked = update(Knowledge).where(Knowledge.unpinned_at.is_not(None))
        session.execute(marked.values(unpinned_at=database_time(-2 * GRACE)))


def mark_and_wait(engine: Engine) -> None:
    assert forget(engine, find(engine)) == 0
    let_grace_pass(engine)


def stored(engine: Engine) -> tuple[int, list[str]]:
    """How many lists there are, and the names in all entries."""
    with reading(engine) as session:
        lists = session.scalars(select(func.count()).select_from(Knowledge)).one()
        return lists, sorted(entry["name"] for entry in session.scalars(select(KnownThing.entry)))


def test_a_list_that_nothing_pins_goes_after_the_grace_with_the_entries_that_it_alone_names(engine: Engine) -> None:
    keep(engine, CAT, DOG)
    with writing(engine) as session:
        session.add(pinning(keep_in(session, DOG, OWL)))
    assert forget(engine, find(engine)) == 0, "it is marked first"
    assert forget(engine, find(engine)) == 0, "the grace has begun"
    assert stored(engine) == (2, ["cat", "dog", "owl"])
    let_grace_pass(engine)
    assert forget(engine, find(engine)) == 1
    assert stored(engine) == (1, ["dog", "owl"])
    assert find(engine).asks_for_nothing


def keep_in(session: Any, *known: KnownDocument) -> KeptKnowledge:
    serialise(session)
    return knowledge.keep(session, known, [])


def test_what_an_increment_pins_and_the_bodies_of_a_group_stay(engine: Engine) -> None:
    for name in ("cat", "dog"):
        erase(engine, name)
    with writing(engine) as session:
        serialise(session)
        asked: Any = {"name": "cat", "group": [CAT, OWL]}
        (request,) = knowledge.storable(session, [asked])
        session.add(pinning({}, group=request["group"]))
        session.execute(delete(Job).where(Job.id.in_(select(Increment.job_id))))
    before = stored(engine)
    mark_and_wait(engine)
    forget(engine, find(engine))
    with reading(engine) as session:
        for increment in session.scalars(select(Increment)):
            assert knowledge.unfolded(session, increment.pinned)["known"] is not None
        (group,) = [job.request["group"] for job in session.scalars(select(Job)) if "group" in job.request]
        stored_request: Any = {"group": group}
        assert knowledge.whole(session, stored_request)["group"] == [CAT, OWL]
    assert stored(engine)[1] == before[1]


def test_a_list_that_is_pinned_again_loses_its_mark(engine: Engine) -> None:
    pinned = keep(engine, CAT)
    forget(engine, find(engine))
    with writing(engine) as session:
        session.add(pinning(pinned))
    assert find(engine).pinned_again == {pinned["knowledge"]}
    forget(engine, find(engine))
    assert find(engine).asks_for_nothing


@pytest.mark.parametrize("order", ["pinned", "handed out alone"])
def test_what_was_given_to_somebody_since_it_was_found_due_stays(engine: Engine, order: str) -> None:
    keep(engine, CAT)
    mark_and_wait(engine)
    found = find(engine)
    assert found.due
    with writing(engine) as session:
        pinned = keep_in(session, CAT)
        if order == "pinned":
            session.add(pinning(pinned))
    assert forget(engine, found) == 0
    with reading(engine) as session:
        assert knowledge.unfolded(session, pinned)["known"] == [CAT]


def test_an_entry_that_a_younger_list_names_stays(engine: Engine) -> None:
    keep(engine, CAT, DOG)
    mark_and_wait(engine)
    found = find(engine)
    keep(engine, DOG)
    assert forget(engine, found) == 1
    assert stored(engine) == (1, ["dog"])


def test_a_writer_who_is_about_to_pin_it_is_waited_for(engine: Engine) -> None:
    keep(engine, CAT)
    mark_and_wait(engine)
    found, counted, holds = find(engine), list[int](), Event()

    def collect() -> None:
        holds.wait()
        counted.append(forget(engine, found))

    collecting = Thread(target=collect)
    collecting.start()
    with writing(engine) as session:
        pinned = keep_in(session, CAT)
        holds.set()
        collecting.join(0.3)
        assert collecting.is_alive(), "it waits for the writer"
        session.add(pinning(pinned))
    collecting.join()
    assert counted == [0]
    with reading(engine) as session:
        assert knowledge.unfolded(session, pinned)["known"] == [CAT]


def test_of_two_who_collect_at_once_each_list_goes_with_one(engine: Engine) -> None:
    keep(engine, CAT, DOG)
    keep(engine, DOG)
    mark_and_wait(engine)
    both = [find(engine) for _ in range(2)]
    assert [forget(engine, found) for found in both] == [2, 0]
    assert stored(engine) == (0, [])
