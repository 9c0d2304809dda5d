import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from sepme_core.registry import database, migrations, types
from sepme_core.registry.database import check, make_engine, migrate, reading, serialise, writing
from sepme_core.registry.errors import DatabaseNewer
from sepme_core.registry.tables import Concept, Job, Protected, Table
from sepme_core.registry.types import database_time


@pytest.fixture
def own_engine(empty_database_url: str) -> Iterator[Engine]:
    """Give a migrated database that no other test uses."""
    engine = make_engine(empty_database_url)
    migrate(engine)
    yield engine
    engine.dispose()


def test_migrations_make_exactly_the_tables_that_the_code_declares(own_engine: Engine) -> None:
    with own_engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Table.metadata) == []


def test_a_stray_table_would_be_noticed(own_engine: Engine) -> None:
    with own_engine.begin() as connection:
        connection.execute(text("CREATE TABLE stray (id INTEGER)"))
    with own_engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Table.metadata) != []


def test_processes_that_migrate_at_once_do_not_collide(empty_database_url: str) -> None:
    failures: list[BaseException] = []
    barrier = threading.Barrier(4)

    def start() -> None:
        own = make_engine(empty_database_url)
        try:
            barrier.wait()
            migrate(own)
        except BaseException as failure:  # noqa: BLE001  (reported below)
            failures.append(failure)
        finally:
            own.dispose()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    engine = make_engine(empty_database_url)
    check(engine)
    engine.dispose()


def test_migrating_again_changes_nothing(engine: Engine) -> None:
    with writing(engine) as session:
        session.add(Protected(name="watermark", prompts=["a watermark"]))
    migrate(engine)
    with reading(engine) as session:
        assert session.get_one(Protected, "watermark").prompts == ["a watermark"]


def test_a_database_of_a_newer_release_is_refused(own_engine: Engine) -> None:
    with own_engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseNewer, match="9999"):
        migrate(own_engine)


def test_a_migration_that_fails_leaves_nothing_behind(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from alembic.operations import Operations

    engine = make_engine(empty_database_url)
    create_table = Operations.create_table

    def create_until_events(self: Operations, name: str, *parts: object, **options: object) -> object:
        if name == "events":
            raise OSError("the disk is full")
        return create_table(self, name, *parts, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Operations, "create_table", create_until_events)
    with pytest.raises(OSError, match="full"):
        migrate(engine)
    with engine.connect() as connection:
        assert inspect(connection).get_table_names() == []
    engine.dispose()


def test_taking_the_migrations_back_leaves_no_table(own_engine: Engine) -> None:
    with own_engine.begin() as connection:
        command.downgrade(migrations.configuration(connection), "base")
        assert inspect(connection).get_table_names() == ["alembic_version"]


KILLED_WHILE_WRITING = """
import os, signal, sys
from sepme_core.registry.database import make_engine, writing
from sepme_core.registry.tables import Protected
with writing(make_engine(sys.argv[1])) as session:
    session.add(Protected(name="half", prompts=[]))
    session.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_killed_while_it_writes_leaves_nothing_and_blocks_nobody(engine: Engine, database_url: str) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED_WHILE_WRITING, database_url], check=False)
    assert killed.returncode == -9
    with writing(engine) as session:
        assert session.get(Protected, "half") is None
        session.add(Protected(name="half", prompts=["whole"]))


def test_check_fails_where_there_are_no_tables(empty_database_url: str) -> None:
    engine = make_engine(empty_database_url)
    with pytest.raises(DBAPIError):
        check(engine)
    engine.dispose()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://localhost/x", "postgresql+asyncpg:///x"])
def test_databases_that_cannot_serve_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"sqlite:///path/to/file"):
        make_engine(url)


def test_the_folder_of_an_sqlite_file_is_made(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path}/a/b/registry.sqlite3")
    migrate(engine)
    check(engine)
    engine.dispose()


def test_sqlite_runs_with_a_write_ahead_log_and_foreign_keys(sqlite_url: str) -> None:
    engine = make_engine(sqlite_url)
    with reading(engine) as session:
        assert session.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
        assert session.execute(text("PRAGMA foreign_keys")).scalar_one() == 1
        assert session.execute(text("PRAGMA busy_timeout")).scalar_one() == 30_000
    engine.dispose()


def test_a_block_that_raises_writes_nothing(engine: Engine) -> None:
    def add_and_fail() -> None:
        with writing(engine) as session:
            session.add(Protected(name="watermark", prompts=[]))
            session.flush()
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError):
        add_and_fail()
    with reading(engine) as session:
        assert session.get(Protected, "watermark") is None


def test_reading_cannot_write_and_writing_can_again_on_the_same_connection(engine: Engine) -> None:
    def write_while_reading() -> None:
        with reading(engine) as session:
            session.add(Protected(name="watermark", prompts=[]))
            session.flush()

    with pytest.raises(DBAPIError):
        write_while_reading()
    with writing(engine) as session:
        session.add(Protected(name="watermark", prompts=[]))


def test_a_reading_block_sees_one_moment(engine: Engine) -> None:
    with reading(engine) as before:
        assert before.get(Protected, "watermark") is None
        with writing(engine) as session:
            session.add(Protected(name="watermark", prompts=[]))
        assert before.scalars(select(Protected.name)).all() == []
    with reading(engine) as after:
        assert after.scalars(select(Protected.name)).all() == ["watermark"]


def test_rows_are_readable_after_their_block(engine: Engine) -> None:
    with writing(engine) as session:
        row = Protected(name="watermark", prompts=["a watermark"])
        session.add(row)
    assert row.name == "watermark"
    assert row.created_at.tzinfo is UTC
    with reading(engine) as session:
        found = session.get_one(Protected, "watermark")
    assert found.prompts == ["a watermark"]


def test_times_are_the_databases_and_in_utc(engine: Engine) -> None:
    with reading(engine) as session:
        present, later = session.execute(select(database_time(), database_time(90.5))).one()
    assert abs(present - datetime.now(UTC)) < timedelta(seconds=5)
    assert abs(later - present - timedelta(seconds=90.5)) < timedelta(milliseconds=20)


def test_the_clock_moves_within_a_transaction(engine: Engine) -> None:
    with writing(engine) as session:
        first = types.now(session)
        time.sleep(0.02)
        assert types.now(session) - first >= timedelta(milliseconds=15)


def test_stored_times_compare_with_the_clock(engine: Engine) -> None:
    """SQLite compares texts: a time written by Python and one by the database must sort as the times do."""
    with writing(engine) as session:
        present = types.now(session)
        for name, seconds in (("past", -1), ("future", 60)):
            at = present + timedelta(seconds=seconds, microseconds=-present.microsecond)
            session.add(Protected(name=name, prompts=[], created_at=at, updated_at=at))
    with reading(engine) as session:
        past = select(Protected.name).where(Protected.created_at < database_time())
        assert session.scalars(past).all() == ["past"]


def test_json_comes_back_to_the_last_digit(engine: Engine) -> None:
    prompts = ["Å \u0000 🎨", "\ud800", 1e22, 0.1 + 0.2, -0.0, 2**60, {"b": 1, "a": 2}]
    with writing(engine) as session:
        session.add(Protected(name="odd", prompts=prompts))
    with reading(engine) as session:
        found = session.get_one(Protected, "odd").prompts
    assert repr(found) == repr(prompts)


def test_what_is_not_json_is_refused_and_not_stored(engine: Engine) -> None:
    with pytest.raises(Exception, match="JSON compliant"), writing(engine) as session:
        session.add(Protected(name="odd", prompts=[float("nan")]))
    with reading(engine) as session:
        assert session.get(Protected, "odd") is None


@pytest.mark.parametrize(
    ("kind", "other_kind"), [("erase", "reproject"), ("reproject", "protect"), ("protect", "erase")]
)
def test_the_database_allows_one_live_job_of_its_kind_for_a_concept(engine: Engine, kind: str, other_kind: str) -> None:
    def job(id: str, **values: str) -> Job:
        given = {"kind": kind, "queue": "erase", "concept": "van-gogh", "actor": "tests", **values}
        return Job(id=id, request={}, pinned={}, **given)

    with writing(engine) as session:
        session.add_all([job("1"), job("2", state="failed"), job("3", kind=other_kind), job("4", concept="monet")])
    with pytest.raises(IntegrityError), writing(engine) as session:
        session.add(job("5", state="running"))


def test_the_database_allows_known_states_only(engine: Engine) -> None:
    with pytest.raises(IntegrityError), writing(engine) as session:
        session.add(Concept(name="x", kind="other", prompts=[], protect=[], state="gone", tag="t"))


def test_serialised_transactions_take_their_turns(engine: Engine) -> None:
    order: list[str] = []
    holds = threading.Event()

    def second() -> None:
        holds.wait()
        with writing(engine) as session:
            serialise(session)
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with writing(engine) as session:
        serialise(session)
        holds.set()
        time.sleep(0.3)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_an_engine_waits_for_a_lock_as_long_as_it_was_told_to(engine: Engine, database_url: str) -> None:
    impatient = make_engine(database_url, patience_seconds=0.3)
    with writing(engine) as session:
        serialise(session)
        started = time.monotonic()
        with pytest.raises(OperationalError), writing(impatient) as another:
            serialise(another)
        assert 0.2 < time.monotonic() - started < 3
    impatient.dispose()


def test_postgresql_ends_a_transaction_whose_process_hangs(
    migrated_postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "IDLE_SECONDS", 0.5)
    engine = make_engine(migrated_postgresql_url)

    def hang() -> None:
        with writing(engine) as hanging:
            serialise(hanging)
            with writing(engine) as session:
                serialise(session)  # as soon as the other one is ended, long before this one's patience is
            serialise(hanging)

    with pytest.raises(DBAPIError, match="idle-in-transaction"):
        hang()
    engine.dispose()


def test_looking_whether_the_database_is_usable_waits_for_no_writer(engine: Engine, database_url: str) -> None:
    another = make_engine(database_url)
    with writing(engine) as session:
        serialise(session)
        started = time.monotonic()
        check(another)
        assert time.monotonic() - started < 1
    another.dispose()


def test_an_error_quotes_nothing_of_what_was_to_be_written(own_engine: Engine) -> None:
    with pytest.raises(DBAPIError) as refused, own_engine.begin() as connection:
        connection.execute(text("SELECT * FROM no_such_table WHERE prompt = :prompt"), {"prompt": "MARKED"})
    assert "no_such_table" in str(refused.value)
    assert "MARKED" not in str(refused.value)
