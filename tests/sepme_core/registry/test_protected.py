import pytest
from sqlalchemy import Engine

from sepme_core.registry import audit, protected
from sepme_core.registry.database import reading, writing
from sepme_core.registry.errors import UnknownProtected
from tests.sepme_core.registry.work import HOLDER


def put(engine: Engine, name: str, *prompts: str) -> bool:
    with writing(engine) as session:
        return protected.put(session, name, list(prompts), HOLDER)[1]


def actions(engine: Engine) -> list[tuple[str, object]]:
    with reading(engine) as session:
        return [(entry.action, entry.details) for entry in audit.page(session, None, 10).items]


def test_prompts_are_protected_changed_and_given_up(engine: Engine) -> None:
    assert put(engine, "brand", "a red can") is True
    assert put(engine, "brand", "a red can", "a blue can") is False
    with reading(engine) as session:
        document = protected.document(protected.get(session, "brand"))
    assert document["prompts"] == ["a red can", "a blue can"]
    assert document["updated_at"] > document["created_at"]
    with writing(engine) as session:
        assert protected.delete(session, "brand", HOLDER).name == "brand"
    with writing(engine) as session, pytest.raises(UnknownProtected, match="brand"):
        protected.delete(session, "brand", HOLDER)
    with reading(engine) as session, pytest.raises(UnknownProtected, match="brand"):
        protected.get(session, "brand")
    assert actions(engine) == [
        ("protect", {"prompts": ["a red can"]}),
        ("protect", {"prompts": ["a red can", "a blue can"], "before": ["a red can"]}),
        ("unprotect", {"before": ["a red can", "a blue can"]}),
    ]


def test_protecting_the_same_again_changes_nothing(engine: Engine) -> None:
    put(engine, "brand", "a red can")
    with reading(engine) as session:
        before = protected.document(protected.get(session, "brand"))
    put(engine, "brand", "a red can")
    with reading(engine) as session:
        assert protected.document(protected.get(session, "brand")) == before
    assert len(actions(engine)) == 1


def test_they_are_listed_by_name_in_pages(engine: Engine) -> None:
    for name in ("c", "a", "b"):
        put(engine, name, "a prompt")
    with reading(engine) as session:
        first = protected.list_page(session, None, 2)
        second = protected.list_page(session, first.next_cursor, 2)
        assert [row.name for row in first.items] == ["a", "b"]
        assert [row.name for row in second.items] == ["c"]
        assert second.next_cursor is None
