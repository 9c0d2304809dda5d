from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from shutil import copy

import pytest

from sepme_core.base import Base, load_base
from sepme_core.erasure import Shared
from tests.worker.residents import working
from worker.resident import Resident


@pytest.fixture(scope="session")
def base() -> Base:
    """The demo model, loaded once."""
    return load_base("demo", device="cpu")


@pytest.fixture(scope="session")
def shared(base: Base) -> Shared:
    """What a worker remembers of the demo model from one concept to the next."""
    return Shared(base)


@pytest.fixture
def resident(
    environment_without_settings: None, tmp_path: Path, sqlite_url: str, base: Base, shared: Shared
) -> Iterator[Resident]:
    """A worker process's belongings, in this process, on a registry of the test's own; the model is announced."""
    del environment_without_settings
    with working(tmp_path / "home", sqlite_url, base, shared) as resident:
        yield resident


@pytest.fixture
def new_registry(
    environment_without_settings: None, tmp_path: Path, sqlite_template: Path, base: Base, shared: Shared
) -> Iterator[Callable[[], Resident]]:
    """Makes a worker's belongings on one more registry of its own, as often as it is called."""
    del environment_without_settings
    with ExitStack() as opened:

        def open_one() -> Resident:
            home = tmp_path / f"home-{len(list(tmp_path.iterdir()))}"
            home.mkdir()
            copy(sqlite_template, home / "registry.sqlite3")
            return opened.enter_context(working(home, f"sqlite:///{home}/registry.sqlite3", base, shared))

        yield open_one
