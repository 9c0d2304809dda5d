"""What a long history costs: nothing that is not answered, and nothing twice."""

import json
import re
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import JSON, Column, Engine, String, cast, event, func, insert, select
from sqlalchemy.orm import Session

from sepme_core.canonical import digest_of_bytes
from sepme_core.documents.answers import AuditDocument, ProtectedDocument
from sepme_core.documents.requests import AskedErasure, KnownDocument
from sepme_core.registry import audit, concepts, increments, jobs, knowledge, protected
from sepme_core.registry.concepts import ConceptText
from sepme_core.registry.database import reading, writing
from sepme_core.registry.jobs import JobText
from sepme_core.registry.tables import Concept, Increment, Job, Knowledge, KnownThing, Table
from sepme_core.registry.types import timestamp
from tests.sepme_core.registry.reprojecting import due, known_names, look
from tests.sepme_core.registry.work import BASE, HOLDER, announce, claimed, erase, get_job, publish

MEGABYTE = 1024 * 1024
CROWD = 20
BODIES: list[AskedErasure] = [
    {"name": f"c{name:02}", "prompts": [f"{name} {place} " + 90 * "x" for place in range(50)]} for name in range(CROWD)
]
SAID = sum(len(prompt) for body in BODIES for prompt in body["prompts"])


def remember(engine: Engine, versions: int) -> None:
    """Write a concept with so many versions, each with a certificate of 200 kB."""
    row: dict[str, Any] = {"concept": "cat", "digest": BASE, "base_digest": BASE, "bytes": 1, "reason": "erased"}
    with writing(engine) as session:
        session.add(
            Concept(name="cat", kind="other", prompts=["cat"], protect=[], state="erased", version=versions, tag="t")
        )
        session.flush()
        pinned = knowledge.keep(session, [], [])
        row |= {"settings": {}, "request": {"name": "cat"}, "pinned": pinned, "job_id": "j"}
        for version in range(1, versions + 1):
            certificate = {"version": version, "long": 200_000 * "x"}
            session.execute(insert(Increment).values(**row, version=version, certificate=certificate))


def test_a_list_reads_of_all_versions_what_it_answers_and_one_certificate(engine: Engine) -> None:
    remember(engine, 50)
    with reading(engine) as session:
        session.scalars(select(Concept.name)).all()  # connects
        tracemalloc.start()
        (listed,) = concepts.page_of_texts(session, None, 50).items
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    document = json.loads(listed.text)
    assert [version["version"] for version in document["versions"]] == list(range(1, 51))
    assert document["certificate"]["version"] == 50
    assert peak < 3 * MEGABYTE


def is_json(column: Column[Any]) -> bool:
    return isinstance(column.type, JSON)


def list_jobs(session: Session) -> Sequence[JobText]:
    return jobs.page_of_texts(session, None, 50).items


def list_concepts(session: Session) -> Sequence[ConceptText]:
    return concepts.page_of_texts(session, None, 50).items


def list_audit(session: Session) -> list[AuditDocument]:
    return [audit.document(entry) for entry in audit.page(session, None, 50).items]


def list_protected(session: Session) -> list[ProtectedDocument]:
    return [protected.document(row) for row in protected.list_page(session, None, 50).items]


@pytest.mark.parametrize(
    ("listing", "documents"),
    [
        (list_jobs, {"jobs.request", "jobs.result", "jobs.problem"}),
        (list_concepts, {"concepts.prompts", "concepts.protect", "increments.certificate", "further_names.prompts"}),
        (list_audit, {"audit.details"}),
        (list_protected, {"protected.prompts"}),
    ],
)
def test_a_list_reads_no_document_that_it_does_not_answer(
    engine: Engine, listing: Callable[[Session], object], documents: set[str]
) -> None:
    erase(engine, "cat")
    with writing(engine) as session:
        protected.put(session, "brand", ["a red can"], HOLDER)
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        asked.append(statement)

    columns = {
        f"{table}.{column.name}"
        for table, each in Table.metadata.tables.items()
        for column in each.c
        if is_json(column)
    }
    with reading(engine) as session:
        event.listen(engine, "before_cursor_execute", note)
        assert listing(session)
        event.remove(engine, "before_cursor_execute", note)
    named = {word for statement in asked for word in re.findall(r"[a-z_]+\.[a-z_]+", statement)}
    assert named & columns == documents


def test_the_database_spells_a_moment_as_everything_else_does(engine: Engine) -> None:
    remember(engine, 1)
    with reading(engine) as session:
        moment = session.scalars(select(Increment.created_at)).one()
        assert increments.listed(session, ["cat"])["cat"][0]["created_at"] == timestamp(moment)


def stored_bytes(engine: Engine) -> int:
    """How much text there is in all that rows pin and were asked for."""
    with reading(engine) as session:
        columns = (Job.pinned, Job.request, Increment.pinned, Increment.request, KnownThing.entry, Knowledge.entries)
        sizes = [session.scalar(select(func.sum(func.length(cast(column, String))))) for column in columns]
    return sum(size or 0 for size in sizes)


@pytest.mark.parametrize("joint", [False, True])
def test_what_is_asked_for_together_is_stored_a_few_times_and_not_once_for_each(engine: Engine, joint: bool) -> None:
    with writing(engine) as session:
        accepted = concepts.accept_erasures(session, BODIES, HOLDER, joint=joint)
        answered = [jobs.document(one.job) for one in accepted]
    assert stored_bytes(engine) < 4 * SAID
    assert len(str(answered)) < 2 * SAID
    pinned = [] if joint else [f"c{place:02}" for place in range(1, CROWD)]
    assert known_names(get_job(engine, accepted[0].job.id).pinned) == pinned
    held = claimed(engine, accepted[0].job.id)
    assert known_names(held.pinned) == pinned
    if joint:
        request: Any = held.request
        assert [member["prompts"] for member in request["group"]] == [body["prompts"] for body in BODIES]
        shown: Any = answered[0]["request"]
        assert shown["group"] == [{"name": body["name"]} for body in BODIES]


def test_versions_of_one_round_pin_one_list(engine: Engine) -> None:
    for name in ("cat", "dog", "fish"):
        erase(engine, name)
    look(engine)
    with reading(engine) as session:
        queued = session.scalars(select(Job).where(Job.kind == "reproject", Job.state == "queued")).all()
        pinned = {job.concept: job.pinned for job in queued}
    assert len(pinned) == 2
    assert len({each["knowledge"] for each in pinned.values()}) == 1
    assert known_names(due(engine, "cat").pinned) == ["dog", "fish"]


def test_what_is_kept_again_is_not_stored_again(engine: Engine) -> None:
    cat: KnownDocument = {"name": "cat", "prompts": ["cat"]}
    with writing(engine) as session:
        first = knowledge.keep(session, [cat], [])
    with writing(engine) as session:
        assert knowledge.keep(session, [cat], []) == first
        assert knowledge.unfolded(session, first) == {"known": [cat], "protected": []}
        assert session.scalars(select(func.count()).select_from(KnownThing)).one() == 1


def test_what_was_erased_jointly_is_erased_again_by_the_same_bodies(engine: Engine) -> None:
    announce(engine)
    with writing(engine) as session:
        accepted = concepts.accept_erasures(session, BODIES[:2], HOLDER, joint=True)
    for one in accepted:
        assert publish(engine, claimed(engine, one.job.id))
    announce(engine, digest_of_bytes(b"another"))
    with writing(engine) as session:
        again = concepts.accept_again(session, digest_of_bytes(b"another"), HOLDER)
    requests: list[Any] = [claimed(engine, one.job.id).request for one in again]
    assert [request["group"][1]["prompts"] for request in requests] == [BODIES[1]["prompts"]] * 2
