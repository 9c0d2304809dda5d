"""The command line before a real front end on loopback; a thread does its jobs as a worker would."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from sepme.command import main
from sepme_core.registry.blobs import Blobs, open_blobs
from sepme_core.registry.database import make_engine
from sepme_core.settings import Settings
from tests.app import working
from tests.app.running import RunningService, running


@dataclass(frozen=True)
class Said:
    """What came of a command."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one document on stdout."""
        return json.loads(self.out)


Run = Callable[..., Said]


@pytest.fixture(autouse=True)
def profiles(environment_without_settings: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of profiles, which is not there, and never the developer's own."""
    del environment_without_settings
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config" / "sepme" / "config.toml"


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process."""

    def run(*arguments: str) -> Said:
        capfd.readouterr()
        status = main(arguments)
        said = capfd.readouterr()
        return Said(status, said.out, said.err)

    return run


@pytest.fixture
def settings(environment_without_settings: None, tmp_path: Path, sqlite_url: str, blob_url: str) -> Settings:
    del environment_without_settings
    return Settings(home=tmp_path / "home", database_url=sqlite_url, blob_url=blob_url)


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    engine = make_engine(settings.database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def blobs(settings: Settings) -> Blobs:
    return open_blobs(settings.blob_url)


@pytest.fixture
def service(settings: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningService]:
    """A front end with a model announced, which the environment names."""
    working.announce(engine)
    with running(settings) as service:
        monkeypatch.setenv("SEPME_URL", service.url)
        yield service


@pytest.fixture
def client(service: RunningService) -> Iterator[httpx.Client]:
    with service.client() as client:
        yield client


@pytest.fixture
def worker(service: RunningService, engine: Engine, blobs: Blobs) -> Iterator[None]:
    """Does every job."""
    del service
    with working.working(engine, blobs):
        yield
