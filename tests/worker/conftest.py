from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from shutil import copy, copytree

import pytest

from sepme_core.erasure import ErasureCache
from sepme_core.evaluation.classifier import open_classifier
from sepme_core.models.model import DiffusionModel, load_base, model_folder
from sepme_core.registry import concepts
from sepme_core.registry.database import writing
from tests.worker.processes import work_off, working, working_in
from tests.worker.rows import CAT, accepted_erasure, row
from worker.process import WorkerProcess


@pytest.fixture(scope="session")
def base() -> DiffusionModel:
    """The demo model, loaded once."""
    return load_base("demo", device="cpu")


@pytest.fixture(scope="session")
def cache(base: DiffusionModel) -> ErasureCache:
    """What a worker remembers of the demo model from one concept to the next; the model's judge looks too."""
    return ErasureCache(base, open_classifier(None, model_folder("demo")))


@pytest.fixture(scope="session")
def healthy(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, base: DiffusionModel, cache: ErasureCache
) -> Path:
    """The state folder of a service that erased an object and a style and gave the style back."""
    home = tmp_path_factory.mktemp("healthy") / "home"
    home.mkdir()
    copy(sqlite_template, home / "registry.sqlite3")
    with working_in(home, base, cache) as worker:
        for name, kind in (("cat", "object"), ("sepia", "style")):
            accepted_erasure(worker.engine, name, kind=kind, options={"max_steps": 0, "batch_size": 2})
            work_off(worker)
        with writing(worker.engine) as session:
            concepts.restore(session, "sepia", "tests", None)
    return home


@pytest.fixture
def worker(
    environment_without_settings: None,
    tmp_path: Path,
    sqlite_url: str,
    base: DiffusionModel,
    cache: ErasureCache,
) -> Iterator[WorkerProcess]:
    """A worker process's belongings, in this process, on a registry of the test's own; the model is announced."""
    del environment_without_settings
    with working(tmp_path / "home", sqlite_url, base, cache) as worker:
        yield worker


@pytest.fixture
def new_registry(
    environment_without_settings: None,
    tmp_path: Path,
    sqlite_template: Path,
    base: DiffusionModel,
    cache: ErasureCache,
) -> Iterator[Callable[[], WorkerProcess]]:
    """Makes a worker's belongings on one more registry of its own, as often as it is called."""
    del environment_without_settings
    with ExitStack() as opened:

        def open_one() -> WorkerProcess:
            home = tmp_path / f"home-{len(list(tmp_path.iterdir()))}"
            home.mkdir()
            copy(sqlite_template, home / "registry.sqlite3")
            return opened.enter_context(working(home, f"sqlite:///{home}/registry.sqlite3", base, cache))

        yield open_one


@pytest.fixture(scope="session")
def home_with_cat(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, base: DiffusionModel, cache: ErasureCache
) -> Path:
    """The state folder of a service that erased the cat by the request `CAT`; to be copied."""
    home = tmp_path_factory.mktemp("cat") / "home"
    home.mkdir()
    copy(sqlite_template, home / "registry.sqlite3")
    with working_in(home, base, cache) as worker:
        job_id = accepted_erasure(worker.engine, "cat", **CAT)
        work_off(worker)
        assert row(worker.engine, job_id).state == "succeeded", row(worker.engine, job_id).problem
    return home


@pytest.fixture
def worker_with_cat(
    environment_without_settings: None,
    tmp_path: Path,
    home_with_cat: Path,
    base: DiffusionModel,
    cache: ErasureCache,
) -> Iterator[WorkerProcess]:
    """A worker's belongings, on a registry in which the cat is erased."""
    del environment_without_settings
    home = tmp_path / "home"
    copytree(home_with_cat, home)
    with working_in(home, base, cache) as worker:
        yield worker
