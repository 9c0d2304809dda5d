"""A browser for the tests of a file, and where they keep what they see."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.app.studio.browser import browsing


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as browser:
        yield browser


@pytest.fixture(scope="session")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots are kept: in the folder that `SHOTS` names, else in one of pytest's."""
    named = os.environ.get("SHOTS")
    return Path(named) if named else tmp_path_factory.mktemp("studio")
