"""A running service for each module, which its tests share, on an SQLite file; and clients of it."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine

from sepme import Client
from sepme.client import retrying
from sepme_core.registry.database import make_engine
from sepme_core.settings import Settings
from tests.app import working
from tests.app.running import RunningService, running
from tests.sepme.client.faults import FaultyLine, faulty_line


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "FIRST_PAUSE_SECONDS", 0.01)


@pytest.fixture(autouse=True)
def _no_profile(environment_without_settings: None) -> None:
    """The address and the key of the developer's own service are none of the tests'."""


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, valkey_socket: Path) -> Settings:
    folder = tmp_path_factory.mktemp("service")
    shutil.copy(sqlite_template, folder / "registry.sqlite3")
    with pytest.MonkeyPatch.context() as environment:
        for name in [name for name in os.environ if name.startswith("SEPME_")]:
            environment.delenv(name)
        return Settings(
            home=folder / "home",
            database_url=f"sqlite:///{folder / 'registry.sqlite3'}",
            broker_url=f"redis+socket://{valkey_socket}",
            blob_url=(folder / "blobs").as_uri(),
        )


@pytest.fixture(scope="module")
def engine(settings: Settings) -> Iterator[Engine]:
    engine = make_engine(settings.database_url)
    working.announce(engine)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def service(settings: Settings, engine: Engine) -> Iterator[RunningService]:
    del engine  # it has announced a model
    with running(settings) as service:
        yield service


@pytest.fixture
def another_settings(tmp_path: Path, sqlite_url: str, settings: Settings) -> Settings:
    """Those of a service that a test has for itself."""
    return settings.model_copy(update={"home": tmp_path / "home", "database_url": sqlite_url})


@pytest.fixture
def client(service: RunningService) -> Iterator[Client]:
    with plain_client(service.url) as client:
        yield client


@pytest.fixture
def line(service: RunningService) -> Iterator[FaultyLine]:
    """A line to the service that does to each request what the test has it do."""
    with faulty_line(service.url) as line:
        yield line


@pytest.fixture
def dead_line() -> Iterator[FaultyLine]:
    """A line to nowhere: what it does not answer by itself it breaks."""
    with faulty_line("http://127.0.0.1:9") as line:
        yield line


@pytest.fixture
def over_the_line(line: FaultyLine) -> Iterator[Client]:
    """A client whose requests go over the line to the service."""
    with plain_client(line.url) as client:
        yield client


@pytest.fixture
def over_the_dead_line(dead_line: FaultyLine) -> Iterator[Client]:
    """A client whose requests go over the line to nowhere."""
    with plain_client(dead_line.url) as client:
        yield client


def plain_client(url: str, key: str | None = None, retries: int = 2, away_seconds: float = 60.0) -> Client:
    # No certificates: reading them takes longer than most tests.
    return Client(url, key, retries=retries, away_seconds=away_seconds, transport=httpx.HTTPTransport(verify=False))
