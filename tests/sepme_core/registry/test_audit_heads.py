"""The ends of the audit's chain are noted outside the database, so that a chain that was cut off is noticed."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, update
from sqlalchemy.orm import Session

from sepme_core.registry import audit, audit_heads
from sepme_core.registry.database import writing
from sepme_core.registry.tables import AuditEntry
from tests.sepme_core.registry.work import erase, get_concept


@pytest.fixture
def heads(engine: Engine, tmp_path: Path) -> Path:
    """The file, kept beside a chain of three entries."""
    file = tmp_path / "elsewhere" / "heads.txt"
    audit_heads.keep(engine, file)
    for name in ("cat", "dog", "fox"):
        erase(engine, name)
    return file


def tamper(engine: Engine, change: Callable[[Session], object]) -> None:
    with writing(engine) as session:
        change(session)


def test_each_committed_change_leaves_its_line_and_the_chain_holds(engine: Engine, heads: Path) -> None:
    examined = audit_heads.examine(engine, heads)
    assert (examined.entries, examined.complaint) == (3, None)
    assert [line.split()[0] for line in heads.read_text().splitlines()] == ["1", "2", "3"]
    assert heads.read_text().splitlines()[-1] == f"3 {examined.head}"


def test_what_was_rolled_back_leaves_no_line(engine: Engine, heads: Path) -> None:
    def change(session: Session) -> None:
        audit.append(session, "operator", "erase", "cat")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        tamper(engine, change)
    assert len(heads.read_text().splitlines()) == 3


def test_an_end_that_was_cut_off_is_found(engine: Engine, heads: Path) -> None:
    tamper(engine, lambda session: session.execute(delete(AuditEntry).where(AuditEntry.sequence == 3)))
    complaint = audit_heads.examine(engine, heads).complaint
    assert complaint is not None
    assert "names entry 3" in complaint


def test_an_end_that_was_replaced_by_a_chain_that_fits_is_found(engine: Engine, heads: Path) -> None:
    before = heads.read_text()
    tamper(engine, lambda session: session.execute(delete(AuditEntry).where(AuditEntry.sequence == 3)))
    tamper(engine, lambda session: audit.append(session, "somebody", "erase", "horse"))
    heads.write_text(before)
    complaint = audit_heads.examine(engine, heads).complaint
    assert complaint is not None
    assert "names entry 3" in complaint


def test_a_changed_row_is_found(engine: Engine, heads: Path) -> None:
    changed = update(AuditEntry).where(AuditEntry.sequence == 2).values(actor="somebody")
    tamper(engine, lambda session: session.execute(changed))
    complaint = audit_heads.examine(engine, heads).complaint
    assert complaint is not None
    assert "entry 2" in complaint


def test_a_line_that_a_dying_process_tore_hides_no_other(engine: Engine, heads: Path) -> None:
    heads.write_text(heads.read_text() + "4 sha256:0123")
    erase(engine, "owl")
    assert heads.read_text().splitlines()[-1].startswith("4 sha256:")
    assert len(audit_heads.read(heads)) == 4
    assert audit_heads.examine(engine, heads).complaint is None


def test_a_certificate_names_the_entry_by_which_its_version_came(engine: Engine, heads: Path) -> None:
    lines = heads.read_text().splitlines()
    for place, name in enumerate(("cat", "dog", "fox")):
        named = get_concept(engine, name)["certificate"]["audit"]
        assert f"{named['sequence']} {named['hash']}" == lines[place]
