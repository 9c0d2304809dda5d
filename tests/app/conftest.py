"""A running service for each test: on an SQLite file, unless a module asks for both databases."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine

from sepme_core.registry.database import make_engine
from sepme_core.settings import Settings
from tests.app import working
from tests.app.running import RunningService, running


@pytest.fixture
def settings(
    environment_without_settings: None, tmp_path: Path, sqlite_url: str, broker_url: str, blob_url: str
) -> Settings:
    del environment_without_settings
    return Settings(home=tmp_path / "home", database_url=sqlite_url, broker_url=broker_url, blob_url=blob_url)


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    engine = make_engine(settings.database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def service(settings: Settings) -> Iterator[RunningService]:
    with running(settings) as service:
        yield service


@pytest.fixture
def client(service: RunningService) -> Iterator[httpx.Client]:
    with service.client() as client:
        yield client


@pytest.fixture
def model(engine: Engine) -> None:
    """A model has been announced."""
    working.announce(engine)
