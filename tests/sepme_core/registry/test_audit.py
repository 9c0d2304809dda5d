import hashlib
import json
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine, delete, select, update

from sepme_core.registry import audit, queries
from sepme_core.registry.database import reading, writing
from sepme_core.registry.errors import CursorInvalid
from sepme_core.registry.grounds import Grounds
from sepme_core.registry.tables import AuditEntry
from tests.sepme_core.registry.work import at_once

DIGEST = "sha256:" + 64 * "1"


def append(engine: Engine, actor: str = "operator", **details: object) -> AuditEntry:
    with writing(engine) as session:
        return audit.append(session, actor, "erase", "van-gogh", None, DIGEST, details)


def broken_at(engine: Engine) -> int | None:
    with reading(engine) as session:
        return audit.verify(session)


def test_an_entry_says_who_did_what_when_from_which_to_which(engine: Engine) -> None:
    entry = append(engine, version=1)
    with reading(engine) as session:
        (found,) = audit.page(session, None, 10).items
    document = audit.document(found)
    assert document == audit.document(entry)
    assert document["previous_hash"] == audit.FIRST_PREVIOUS
    assert document["at"].endswith("Z")
    assert {key: document[key] for key in ("sequence", "actor", "action", "concept", "from_digest", "to_digest")} == {
        "sequence": 1,
        "actor": "operator",
        "action": "erase",
        "concept": "van-gogh",
        "from_digest": None,
        "to_digest": DIGEST,
    }
    assert document["details"] == {"version": 1}
    assert "case" not in document, "entries were hashed without it before there were cases"


def test_the_hash_is_of_all_else_in_the_entry_and_can_be_checked_from_its_json(engine: Engine) -> None:
    """What an outsider needs: sha256 over the JSON of the entry without `hash`, keys sorted, no spaces."""
    document: Any = audit.document(append(engine, prompt="Ångström 🎨", weight=1e22, tiny=-0.0))
    found = document.pop("hash")
    spelled = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    assert found == "sha256:" + hashlib.sha256(spelled).hexdigest()


def test_the_case_by_which_an_entry_is_found_is_hashed_with_it(engine: Engine) -> None:
    append(engine)
    with writing(engine) as session:
        entry = audit.append(session, "operator", "erase", "cat", grounds=Grounds("2026-0117", "a notice"))
        assert entry.details == {"case": "2026-0117", "reason": "a notice"}
        assert audit.document(entry)["case"] == "2026-0117"
    assert broken_at(engine) is None
    with writing(engine) as session:
        session.execute(update(AuditEntry).where(AuditEntry.sequence == 2).values(case=None))
    assert broken_at(engine) == 2, "an entry cannot be hidden from those who look for its case"


@pytest.mark.parametrize("grounds", [Grounds("2026-0118", "a notice"), Grounds("2026-0117", "another"), Grounds("1")])
def test_other_grounds_for_what_is_so_already_are_noted_once_until_it_is_undone(
    engine: Engine, grounds: Grounds
) -> None:
    def note(said: Grounds) -> int:
        with writing(engine) as session:
            audit.note(session, "operator", "cat", said, DIGEST, of="erase", details={"version": 1})
            return len(audit.page(session, None, 10).items)

    with writing(engine) as session:
        audit.append(session, "operator", "erase", "cat", None, DIGEST, grounds=Grounds("2026-0117", "a notice"))
        audit.append(session, "operator", "reproject", "cat", DIGEST, DIGEST, {"reason": "refined"})
    assert note(Grounds("2026-0117", "a notice")) == 2
    assert note(Grounds()) == 2
    assert note(Grounds(reason="refined")) == 3, "that of a re-projection was nobody's reason"
    assert note(grounds) == 4
    assert note(grounds) == 4
    with writing(engine) as session:
        audit.append(session, "operator", "restore", "cat", DIGEST, None)
    assert note(grounds) == 6
    with reading(engine) as session:
        entry = audit.page(session, None, 10).items[-1]
    assert (entry.action, entry.from_digest, entry.to_digest) == ("case-noted", DIGEST, DIGEST)
    assert entry.details == {"of": "erase", "version": 1, **grounds.said()}


def test_an_empty_and_an_honest_chain_hold(engine: Engine) -> None:
    assert broken_at(engine) is None
    for number in range(5):
        append(engine, number=number, prompt="Ångström \ud800 🎨", weight=1e22, tiny=-0.0, third=1 / 3)
    assert broken_at(engine) is None


def test_a_long_chain_is_walked_to_its_end(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "BATCH", 3)
    for _ in range(6):
        append(engine)
    assert broken_at(engine) is None
    with writing(engine) as session:
        session.execute(update(AuditEntry).where(AuditEntry.sequence == 6).values(actor="somebody else"))
    assert broken_at(engine) == 6


@pytest.mark.parametrize(
    "changed",
    [
        {"actor": "somebody else"},
        {"action": "restore"},
        {"concept": None},
        {"from_digest": DIGEST},
        {"to_digest": None},
        {"details": {"version": 2}},
        {"case": "2026-0117"},
        {"previous_hash": DIGEST},
        {"hash": DIGEST},
        {"sequence": 7},
    ],
)
def test_a_changed_entry_breaks_the_chain_at_its_place(engine: Engine, changed: dict[str, object]) -> None:
    for _ in range(4):
        append(engine, version=1)
    with writing(engine) as session:
        session.execute(update(AuditEntry).where(AuditEntry.sequence == 3).values(changed))
    assert broken_at(engine) == 3


def test_a_removed_entry_breaks_the_chain_at_its_place(engine: Engine) -> None:
    for _ in range(4):
        append(engine)
    with writing(engine) as session:
        session.execute(delete(AuditEntry).where(AuditEntry.sequence == 2))
    assert broken_at(engine) == 2


def test_an_entry_rewritten_with_its_hash_breaks_the_chain_after_it(engine: Engine) -> None:
    for _ in range(4):
        append(engine)
    with writing(engine) as session:
        entry = session.get_one(AuditEntry, 2)
        entry.actor = "somebody else"
        entry.hash = audit.hash_of(entry)
    assert broken_at(engine) == 3


def test_writers_at_once_make_one_chain(engine: Engine) -> None:
    outcomes = at_once(*(partial(append, engine, f"operator-{number}") for number in range(12)))
    assert all(isinstance(outcome, AuditEntry) for outcome in outcomes), outcomes
    assert broken_at(engine) is None
    with reading(engine) as session:
        sequences = session.scalars(select(AuditEntry.sequence).order_by(AuditEntry.sequence)).all()
    assert sequences == list(range(1, 13))


def test_an_entry_goes_with_the_transaction_that_failed(engine: Engine) -> None:
    def append_and_fail() -> None:
        with writing(engine) as session:
            audit.append(session, "operator", "erase", "van-gogh")
            raise RuntimeError("half way")

    append(engine)
    with pytest.raises(RuntimeError):
        append_and_fail()
    append(engine)
    assert broken_at(engine) is None
    with reading(engine) as session:
        assert [entry.sequence for entry in audit.page(session, None, 10).items] == [1, 2]


def test_details_that_are_not_json_are_refused(engine: Engine) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        append(engine, correlation=float("nan"))
    assert broken_at(engine) is None


def test_entries_are_listed_oldest_first_in_pages_and_by_concept(engine: Engine) -> None:
    for _ in range(3):
        append(engine)
    with writing(engine) as session:
        audit.append(session, "operator", "restore", "cat")
    with reading(engine) as session:
        first = audit.page(session, None, 3)
        second = audit.page(session, first.next_cursor, 3)
        of_cat = audit.page(session, None, 3, concept="cat")
        assert audit.page(session, None, 3, case="2026-0117").items == []
        assert [entry.sequence for entry in first.items] == [1, 2, 3]
        assert [entry.sequence for entry in second.items] == [4]
        assert second.next_cursor is None
        assert [entry.sequence for entry in of_cat.items] == [4]
        for forged in ("x", "-1", "", "99999999999999999999", "²"):
            with pytest.raises(CursorInvalid):
                audit.page(session, queries.encode(forged), 3)
