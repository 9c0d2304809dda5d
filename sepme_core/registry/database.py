"""Engines and transactions: SQLite or PostgreSQL by URL, one code path.

Every write is one short transaction opened by `writing`; on SQLite it takes the write lock at once (BEGIN IMMEDIATE),
so it never fails half way for a lock that someone else took. Reads see one snapshot and cannot write.
"""

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, func, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.orm import Session

from sepme_core.registry import migrations
from sepme_core.registry.errors import MigrationRefused

SQLITE = "sqlite"
POSTGRESQL = "postgresql+psycopg"

BUSY_SECONDS = 30.0
"""How long a transaction waits for what another one has locked, unless an engine is made to have less patience."""
IDLE_SECONDS = 60.0
"""PostgreSQL ends a transaction that does nothing for as long: its process hangs, and others wait for what it holds."""
STATEMENT_SECONDS = 60.0
BUSY_PAUSE_SECONDS = 0.01
CONNECT_SECONDS = 10
REGISTRY_LOCK = 0x5E_93E  # PostgreSQL advisory locks are numbers; these are ours
MIGRATION_LOCK = 0x5E_93F
ADMISSION_LOCK = 0x5E_940
AFTER_WRITING = "sepme_after_writing"


def make_engine(url: str, *, patience_seconds: float = BUSY_SECONDS, connections: int | None = None) -> Engine:
    """Open a database; nothing is read or written yet but the folder of an SQLite file, which is made.

    Args:
        url: where it is.
        patience_seconds: how long a transaction waits for a lock before it fails with `OperationalError`.
        connections: how many are kept open, with a few more for a moment; SQLAlchemy's default where left out.

    Raises:
        ValueError: for a database that is neither an SQLite file nor PostgreSQL by psycopg.
    """
    parsed = make_url(url)
    sized: dict[str, Any] = {"pool_size": connections, "pool_timeout": patience_seconds} if connections else {}
    if parsed.drivername == POSTGRESQL:
        engine = create_engine(
            parsed,
            pool_pre_ping=True,
            isolation_level="READ COMMITTED",
            json_serializer=_json,
            hide_parameters=True,  # errors would quote them, and they hold prompts
            connect_args={"connect_timeout": CONNECT_SECONDS},
            **sized,
        )
        event.listen(engine, "connect", partial(_prepare_postgresql, patience_seconds))
        return engine
    if parsed.drivername != SQLITE or parsed.database in (None, "", ":memory:"):
        raise ValueError(
            "the database must be sqlite:///path/to/file or postgresql+psycopg://…: the API and the workers are "
            "processes of their own, so a database in memory would be another one for each"
        )
    Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        parsed, connect_args={"timeout": patience_seconds}, json_serializer=_json, hide_parameters=True, **sized
    )
    event.listen(engine, "connect", partial(_prepare_sqlite, patience_seconds))
    event.listen(engine, "begin", _begin_sqlite)
    return engine


_json = partial(json.dumps, allow_nan=False)


def _prepare_postgresql(patience_seconds: float, connection: DBAPIConnection, _record: object) -> None:
    _limit(connection, patience_seconds, STATEMENT_SECONDS, IDLE_SECONDS, of="session")
    connection.commit()


def _limit(connection: DBAPIConnection, lock: float, statement: float, idle: float, *, of: str) -> None:
    """Say for how many seconds PostgreSQL waits for a lock, a statement and the next one; 0 is for ever."""
    limits = {"lock_timeout": lock, "statement_timeout": statement, "idle_in_transaction_session_timeout": idle}
    cursor = connection.cursor()
    for name, seconds in limits.items():
        cursor.execute(f"SET {of.upper()} {name} = {round(1000 * seconds)}")  # milliseconds
    cursor.close()


def _prepare_sqlite(patience_seconds: float, connection: DBAPIConnection, _record: object) -> None:
    # The driver must not open transactions by itself: it would begin them without IMMEDIATE.
    connection.isolation_level = None
    cursor = connection.cursor()
    _write_ahead(cursor, patience_seconds)
    cursor.close()
    _enforce_foreign_keys(connection, enforced=True)


def _write_ahead(cursor: DBAPICursor, patience_seconds: float) -> None:
    """Turn the write-ahead log on. SQLite does not wait for those who turn it on at the same moment, so this does."""
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(BUSY_PAUSE_SECONDS)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    reads_only = bool(connection.get_execution_options().get("sepme_reads_only"))
    connection.exec_driver_sql(f"PRAGMA query_only = {int(reads_only)}")
    connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")


def _reading_options(engine: Engine) -> dict[str, Any]:
    if engine.dialect.name == "sqlite":
        return {"sepme_reads_only": True}
    return {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """Open one transaction that may write; commits at the end, rolls back when the block raises.

    Rows stay readable after the block.
    """
    with Session(engine, expire_on_commit=False) as session, session.begin():
        session.connection()  # begins now, not with the first statement
        yield session
    for notify in engine.get_execution_options().get(AFTER_WRITING, ()):
        notify(session)


def after_writing(engine: Engine, notify: Callable[[Session], None]) -> None:
    """Have `notify` called after each transaction of `writing` that was committed, with its session."""
    engine.update_execution_options(**{AFTER_WRITING: (*engine.get_execution_options().get(AFTER_WRITING, ()), notify)})


@contextmanager
def trying(engine: Engine) -> Iterator[Session]:
    """Open one transaction that may write, and of which nothing stays: it tells what would come of something."""
    with Session(engine, expire_on_commit=False) as session:
        session.connection()
        yield session
        session.rollback()


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """Open one read-only transaction; everything in it is of the same moment. Rows stay readable after the block."""
    with Session(engine.execution_options(**_reading_options(engine)), expire_on_commit=False) as session:
        yield session
        session.expunge_all()


def serialise(session: Session) -> None:
    """Let no other transaction that calls this proceed until the present one ends.

    Whoever changes what is known or what serves calls it first: known concepts are pinned against each other, and the
    audit chain has one end. SQLite has a single writer anyway.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(REGISTRY_LOCK)))


def lock_admission(session: Session) -> None:
    """Let no other transaction count what waits until this one ends; called last, so that none waits for it long."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(ADMISSION_LOCK)))


def migrate(engine: Engine) -> None:
    """Bring the database to this release's tables. Several processes may start at once: one migrates, the rest wait.

    Raises:
        DatabaseNewer: where a newer release was here before.
        MigrationRefused: where a migration left rows that refer to nothing; all is as it was before.
    """
    with engine.connect() as connection, _without_cascades(connection), connection.begin():
        if connection.dialect.name == "postgresql":
            _limit(_driver(connection), lock=BUSY_SECONDS, statement=0, idle=0, of="local")  # it takes what it takes
            connection.execute(select(func.pg_advisory_xact_lock(MIGRATION_LOCK)))
        if migrations.upgrade(connection) and connection.dialect.name == "sqlite":
            _refuse_orphans(connection)


@contextmanager
def _without_cascades(connection: Connection) -> Iterator[None]:
    """Keep SQLite from deleting what refers to a table that a migration builds anew: to do that it drops the old one.

    The pragma counts outside of transactions only, so it is set on the driver's connection before one begins.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    _enforce_foreign_keys(_driver(connection), enforced=False)
    try:
        yield
    finally:
        _enforce_foreign_keys(_driver(connection), enforced=True)


def _driver(connection: Connection) -> DBAPIConnection:
    """The driver's own connection, by which no transaction begins."""
    driver = connection.connection.dbapi_connection
    assert driver is not None
    return driver


def _enforce_foreign_keys(connection: DBAPIConnection, *, enforced: bool) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA foreign_keys = {'ON' if enforced else 'OFF'}")
    cursor.close()


def _refuse_orphans(connection: Connection) -> None:
    orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if orphans:
        raise MigrationRefused({(str(table), str(parent)) for table, _, parent, _ in orphans}, len(orphans))


def check(engine: Engine) -> None:
    """Ask the database for one row. No lock is taken: whoever writes, or hangs while it does, is not waited for.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: where it is not usable.
    """
    with reading(engine) as session:
        session.execute(text("SELECT count(*) FROM concepts WHERE name = ''"))
