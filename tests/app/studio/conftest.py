"""Who looks at the pages, with which browser, and where what is seen is kept."""

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser

from tests.app.running import RunningService
from tests.app.studio.browser import browsing
from tests.app.studio.holders import made


@pytest.fixture
def admin(service: RunningService, client: httpx.Client) -> Iterator[httpx.Client]:
    """A client with a key for everything: from now on others need one."""
    with service.client() as client_with_key:
        client_with_key.headers.update(made(client, "ops", "admin"))
        yield client_with_key


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as browser:
        yield browser


@pytest.fixture(scope="session")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots are kept: in the folder that `SHOTS` names, else in one of pytest's."""
    named = os.environ.get("SHOTS")
    return Path(named) if named else tmp_path_factory.mktemp("studio")
