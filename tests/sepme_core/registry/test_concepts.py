import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial

import pytest
from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session

from sepme_core.canonical import digest_of_bytes
from sepme_core.registry import concepts
from sepme_core.registry.database import reading
from sepme_core.registry.documents import concept_documents
from sepme_core.registry.errors import CursorInvalid, UnknownConcept
from sepme_core.registry.tables import Concept
from tests.sepme_core.registry.work import BASE, accept, announce, claimed, erase, get_concept, publish


def test_the_document_of_a_concept_has_all_that_the_contract_names(engine: Engine) -> None:
    erase(engine, "van-gogh", kind="style", prompts=["Van Gogh"], protect=["impressionism"])
    document = get_concept(engine, "van-gogh")
    version, unstated = document["versions"][0], {"case": None, "stated_reason": None}
    assert document == {
        "name": "van-gogh",
        "kind": "style",
        "state": "erased",
        "job": None,
        "irrevocable": False,
        "prompts": ["Van Gogh"],
        "protect": ["impressionism"],
        "substitute": None,
        "further_names": [],
        "version": 1,
        "digest": digest_of_bytes(b"van-gogh"),
        "base_digest": BASE,
        "bytes": 1000,
        "certificate": {**unstated, "correlation": 0.01, "pictures": [], "audit": document["certificate"]["audit"]},
        "versions": [
            {
                "version": 1,
                "digest": digest_of_bytes(b"van-gogh"),
                "base_digest": BASE,
                "bytes": 1000,
                "reason": "erased",
                "created_at": version["created_at"],
            }
        ],
        "created_at": document["created_at"],
        "updated_at": document["updated_at"],
    }
    assert document["created_at"] < version["created_at"] <= document["updated_at"]


def rows(session: Session, limit: int) -> Sequence[Concept]:
    return session.scalars(select(Concept).order_by(Concept.name).limit(limit)).all()


def test_documents_of_several_are_those_of_each(engine: Engine) -> None:
    erase(engine, "cat")
    erase(engine, "dog")
    assert publish(engine, claimed(engine, accept(engine, "dog", options={"seed": 1}).job.id), "second")
    accept(engine, "monet")
    accept(engine, "a-dog", same_as="dog", prompts=["dog"])
    with reading(engine) as session:
        together = concept_documents(session, rows(session, 10))
        assert concept_documents(session, []) == []
    assert together == [get_concept(engine, name) for name in ("cat", "dog", "monet")]


def test_the_texts_that_clients_are_sent_say_what_the_documents_say(engine: Engine) -> None:
    announce(engine)
    erase(engine, "cat", protect=['é \\ "a lion"'])
    accept(engine, "a-cat", same_as="cat", prompts=["a cat"])
    leaning = {"substitute": {"phrase": "a person", "close_to": []}, "leak": {"max": 1e-7, "concept": None}}
    assert publish(engine, claimed(engine, accept(engine, "trump").job.id), certificate=leaning)
    accept(engine, "trump", options={"seed": 1})
    accept(engine, "monet")
    with reading(engine) as session:
        found = rows(session, 10)
        documents = concept_documents(session, found)
        texts = concepts.page_of_texts(session, None, 10).items
        assert len(texts) == 3
        assert [json.loads(each.text) for each in texts] == documents
        assert [(each.name, each.etag) for each in texts] == [(row.name, concepts.etag(row)) for row in found]
        assert concepts.text(session, "a-cat") == texts[0]
        with pytest.raises(UnknownConcept):
            concepts.text(session, "nobody")


def test_documents_of_several_take_as_many_queries_as_one(engine: Engine) -> None:
    for name in ("cat", "dog", "monet"):
        erase(engine, name)
        accept(engine, f"a-{name}", same_as=name, prompts=[name])
    counts = []
    for limit in (1, 3):
        with reading(engine) as session:
            found = rows(session, limit)
            counts.append(
                [
                    count_queries(engine, partial(concept_documents, session, found)),
                    count_queries(engine, partial(concepts.page_of_texts, session, None, limit)),
                ]
            )
    assert counts[0] == counts[1]
    assert min(counts[0]) > 0


def count_queries(engine: Engine, action: Callable[[], object]) -> int:
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    action()
    event.remove(engine, "before_cursor_execute", note)
    return len(seen)


def test_what_is_drawn_instead_stands_on_the_document(engine: Engine) -> None:
    certificate = {"substitute": {"phrase": "a person", "close_to": []}}
    announce(engine)
    assert publish(engine, claimed(engine, accept(engine, "trump").job.id), certificate=certificate)
    assert get_concept(engine, "trump")["substitute"] == "a person"
    assert publish(engine, claimed(engine, accept(engine, "nude").job.id), certificate={"substitute": None})
    assert get_concept(engine, "nude")["substitute"] is None


def test_concepts_are_listed_by_name_in_pages(engine: Engine) -> None:
    for name in ("c", "a", "b"):
        accept(engine, name)
    with reading(engine) as session:
        first = concepts.page_of_texts(session, None, 2)
        second = concepts.page_of_texts(session, first.next_cursor, 2)
        assert [concept.name for concept in first.items] == ["a", "b"]
        assert [concept.name for concept in second.items] == ["c"]
        assert second.next_cursor is None
        with pytest.raises(CursorInvalid):
            concepts.page_of_texts(session, "a", 2)


def test_the_registry_imports_neither_torch_nor_the_web_nor_the_queue() -> None:
    script = """
import pkgutil, sys, sepme_core.settings, sepme_core.registry as registry
for module in pkgutil.walk_packages(registry.__path__, "sepme_core.registry."):
    if "migrations." not in module.name:
        __import__(module.name)
print(*sorted(name for name in ("torch", "diffusers", "transformers", "fastapi", "celery") if name in sys.modules))
"""
    run = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == ""
