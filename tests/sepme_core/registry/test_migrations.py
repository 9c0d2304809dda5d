"""Migrations lose nothing: what the first release wrote is there, row by row, after all that came since."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, MetaData, select

from sepme_core.registry import knowledge, migrations
from sepme_core.registry.database import make_engine, migrate, reading
from sepme_core.registry.errors import MigrationRefused

Rows = dict[str, list[dict[str, Any]]]

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678901)  # noqa: DTZ001  (SQLite's driver takes no zone; both mean UTC)
DIGEST = "sha256:" + 64 * "d"
CATS = {"name": "cat", "kind": "object", "prompts": ["cat", "Å \U0001f3a8"], "erased": True, "decided": True}
DOGS = {"name": "dog", "kind": "object", "prompts": ["dog"]}
BRAND = {"name": "brand", "prompts": ["a red logo"]}
BODY = {"name": "cat", "kind": "object", "prompts": ["cat"], "protect": [], "irrevocable": False, "options": {}}
MASK = {"digest": DIGEST, "concepts": [{"name": "cat", "version": 1, "digest": DIGEST}]}

GIVEN_UP = {("jobs", "rung_at"), ("jobs", "rings")}
"""Columns that said when a job was rung for: a queue is rung for by now."""

REBUILDING = """
from alembic import op
import sqlalchemy as sa
revision, down_revision, branch_labels, depends_on = "9000", "{head}", None, None
def upgrade():
    for table in ("concepts", "jobs"):
        with op.batch_alter_table(table) as batch:
            batch.alter_column("kind", type_=sa.String(32), existing_type=sa.String(16), existing_nullable=False)
            batch.add_column(sa.Column("note", sa.String(), nullable=True))
"""
DELETING = """
from alembic import op
revision, down_revision, branch_labels, depends_on = "9000", "{head}", None, None
def upgrade():
    op.execute("DELETE FROM concepts")
"""


def job(id: str, kind: str, state: str, **changes: Any) -> dict[str, Any]:
    numbers = {"attempt": 1, "losses": 0, "rings": 2, "step": 3, "of": 4, "event_count": 2}
    moments = {"created_at": MOMENT, "started_at": MOMENT, "finished_at": None, "lease_until": None, "rung_at": MOMENT}
    texts = {"queue": "erase", "concept": None, "holder": "anonymous", "worker": "erase-1", "message": "momentum"}
    given = {"request": BODY, "pinned": {}, "result": None, "problem": None, "cancel_requested": False}
    return {"id": id, "kind": kind, "state": state, **numbers, **moments, **texts, **given, **changes}


def increment(id: int, concept: str, version: int, **changes: Any) -> dict[str, Any]:
    made = {"digest": DIGEST, "base_digest": DIGEST, "bytes": 2**40, "reason": "erased", "job_id": "one"}
    documents = {"certificate": {"correlation": 0.1 + 0.2}, "settings": {"variant": "sepme"}, "request": BODY}
    pinned = {"known": [DOGS], "protected": [BRAND]}
    row = {"id": id, "concept": concept, "version": version, "pinned": pinned, "created_at": MOMENT}
    return {**row, **made, **documents, **changes}


def first_rows() -> Rows:
    """Rows of each table of the first release, with all that their JSON columns held then."""
    together = [{**BODY, "name": name} for name in ("cat", "dog")]
    at = {"created_at": MOMENT, "updated_at": MOMENT}
    concept = {"kind": "object", "protect": [], "irrevocable": False, "tag": "t", **at}
    of_all = {"known": [CATS], "protected": [BRAND], "irrevocable": [{"name": "cat", "digest": DIGEST}]}
    of_one = {"known": [DOGS], "protected": [], "trained": {"version": 1, "digest": DIGEST}}
    picture = {"digest": DIGEST, "sha256": DIGEST, "base_digest": DIGEST, "holder": "anonymous", "created_at": MOMENT}
    return {
        "concepts": [
            {"name": "cat", "prompts": ["cat"], "state": "erased", "version": 2, **concept},
            {"name": "dog", "prompts": ["dog", "hound"], "state": "never-erased", "version": None, **concept},
        ],
        "jobs": [
            job("one", "erase", "succeeded", concept="cat", pinned={**of_all, "keep_state": "restored"}, result=BODY),
            job("two", "erase", "running", concept="dog", pinned=of_all, request={**BODY, "group": together}),
            job("three", "reproject", "queued", concept="cat", pinned=of_one, request={"name": "cat"}),
            job("four", "protect", "failed", concept="brand", pinned=of_all, problem={"status": 409}),
            job("five", "generate", "queued", pinned={"mask": MASK, "base_digest": DIGEST, "irrevocable": ["cat"]}),
            job("six", "erase", "succeeded", concept="cat", pinned={}),
        ],
        "events": [
            {"job_id": "one", "sequence": place, "kind": "progress", "data": {"step": place}, "created_at": MOMENT}
            for place in (1, 2)
        ],
        "increments": [
            increment(1, "cat", 1),
            increment(2, "cat", 2, request={**BODY, "group": together}, pinned={"known": [], "protected": []}),
        ],
        "images": [
            {"id": "p", "job_id": "one", "position": 0, "bytes": 9, "seed": 2**40, "width": 64, "height": 64}
            | {"mask": MASK, "record": {"prompt": "cat"}, **picture}
        ],
        "protected": [{"name": "brand", "prompts": ["a red logo"], **at}],
        "models": [{"base_digest": DIGEST, "name": "demo", "description": {"a": 1}, "announced_at": MOMENT}],
        "workers": [
            {"name": "w", "queue": "erase", "base_digest": DIGEST, "started_at": MOMENT, "seen_at": MOMENT},
        ],
        "idempotency": [
            {"holder": "a", "method": "POST", "path": "/erasures", "key": "k", "body_digest": DIGEST}
            | {"answer": {"jobs": ["one"]}, "created_at": MOMENT}
        ],
        "audit": [
            {"sequence": 1, "at": MOMENT, "actor": "a", "action": "erase", "concept": "cat", "from_digest": None}
            | {"to_digest": DIGEST, "details": {"x": 1e22}, "previous_hash": DIGEST, "hash": DIGEST}
        ],
    }


@pytest.fixture
def filled(empty_database_url: str) -> Iterator[Engine]:
    """Give a database of the first release, with rows in each table."""
    engine = make_engine(empty_database_url)
    with engine.begin() as connection:
        command.upgrade(migrations.configuration(connection), "0001")
    tables = MetaData()
    tables.reflect(engine)
    rows = first_rows()
    assert set(rows) == set(tables.tables) - {"alembic_version"}
    with engine.begin() as connection:
        for table in tables.sorted_tables:
            for row in rows.get(table.name, []):
                connection.execute(table.insert().values(row))
    yield engine
    engine.dispose()


def stored(engine: Engine) -> Rows:
    """Read all rows of all tables as the database says that they are, without this release's notion of them."""
    tables = MetaData()
    tables.reflect(engine)
    with engine.connect() as connection:
        return {
            name: [{key: _plain(value) for key, value in row._mapping.items()} for row in _ordered(connection, table)]
            for name, table in tables.tables.items()
            if name != "alembic_version"
        }


def written_out(engine: Engine) -> Rows:
    """Read all rows as above, with all that they pin and were asked for in them, as it was in the first release."""
    rows = stored(engine)
    with reading(engine) as session:
        for row in (*rows["jobs"], *rows["increments"]):
            row["pinned"] = knowledge.unfolded(session, row["pinned"])
            row["request"] = knowledge.whole(session, row["request"])
    return rows


def _ordered(connection: Any, table: Any) -> Any:
    return connection.execute(select(table).order_by(*table.primary_key.columns))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return (value if value.tzinfo is None else value.astimezone(UTC)).replace(tzinfo=None)
    return value


def lost(before: Rows, after: Rows) -> list[str]:
    """Name each value of a row from before that is not there after, but for what a later release no longer has."""
    return [
        f"{table} {key} of row {place}"
        for table, rows in before.items()
        for place, row in enumerate(rows)
        for key, value in row.items()
        if (table, key) not in GIVEN_UP
        if place >= len(after[table]) or value != after[table][place][key]
    ]


@pytest.fixture
def add_migration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give a function that adds a migration after the last one, in a copy of their folder."""
    folder = tmp_path / "migrations"
    shutil.copytree(migrations.FOLDER, folder)

    def add(source: str) -> None:
        head = ScriptDirectory.from_config(migrations.configuration()).get_current_head()
        (folder / "versions" / "9000_throw_away.py").write_text(source.format(head=head))
        monkeypatch.setattr(migrations, "FOLDER", folder)

    return add


def test_a_database_of_the_first_release_is_brought_here_with_every_row(filled: Engine) -> None:
    before = stored(filled)
    migrate(filled)
    after = written_out(filled)
    assert lost(before, after) == []
    assert {table: len(after[table]) for table in before} == {table: len(rows) for table, rows in before.items()}


def test_webhooks_and_what_waits_for_them_stay_while_their_table_is_built_anew(empty_database_url: str) -> None:
    engine = make_engine(empty_database_url)
    with engine.begin() as connection:
        command.upgrade(migrations.configuration(connection), "0014")
    tables = MetaData()
    tables.reflect(engine)
    webhook = {"name": "shop", "url": "https://a.example", "events": ["job.failed"], "secret": "s", "made_by": "ops"}
    message = {"id": "m", "webhook": "shop", "event": "job.failed", "body": "{}", "attempt": 1}
    with engine.begin() as connection:
        connection.execute(
            tables.tables["webhooks"].insert().values({**webhook, "created_at": MOMENT, "free_at": MOMENT})
        )
        connection.execute(
            tables.tables["deliveries"].insert().values({**message, "due_at": MOMENT, "created_at": MOMENT})
        )
    before = stored(engine)
    migrate(engine)
    assert lost(before, stored(engine)) == []
    assert stored(engine)["webhooks"][0]["from_settings"] in (False, 0)
    with engine.begin() as connection:
        command.downgrade(migrations.configuration(connection), "0014")
    assert stored(engine) == before
    engine.dispose()


def test_what_is_known_is_stored_once_after_the_migration_and_in_each_row_after_it_is_taken_back(
    filled: Engine,
) -> None:
    before = stored(filled)
    migrate(filled)
    after = stored(filled)
    entries = [thing["entry"] for thing in after["known_things"]]
    assert sorted(entry["name"] for entry in entries) == ["brand", "cat", "cat", "dog", "dog"]
    assert len(after["knowledge"]) == 5
    assert not any("known" in row["pinned"] for row in (*after["jobs"], *after["increments"]))
    with filled.begin() as connection:
        command.downgrade(migrations.configuration(connection), "0004")
    assert lost(before, stored(filled)) == []


def test_rows_that_refer_to_a_table_survive_its_being_built_anew(filled: Engine, add_migration: Any) -> None:
    migrate(filled)
    before = stored(filled)
    add_migration(REBUILDING)
    migrate(filled)
    after = stored(filled)
    assert after["concepts"][0]["note"] is None, "the migration ran"
    assert (len(after["increments"]), len(after["events"]), len(after["images"])) == (2, 2, 1)
    assert lost(before, after) == []


def test_a_migration_that_leaves_rows_which_refer_to_nothing_is_taken_back(sqlite_url: str, add_migration: Any) -> None:
    engine = make_engine(sqlite_url)
    tables = MetaData()
    tables.reflect(engine)
    with engine.begin() as connection:
        for name in ("concepts", "increments"):
            for row in first_rows()[name]:
                connection.execute(tables.tables[name].insert().values(row))
    before = stored(engine)
    add_migration(DELETING)
    with pytest.raises(MigrationRefused, match=r"2 rows that refer to nothing \(increments to concepts\)"):
        migrate(engine)
    assert stored(engine) == before
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1, "deleting is guarded as before"
    engine.dispose()
