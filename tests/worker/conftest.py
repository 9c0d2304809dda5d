import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sepme_core.base import Base, load_base
from sepme_core.registry import serving
from sepme_core.registry.blobs import open_blobs
from sepme_core.registry.database import make_engine, writing
from sepme_core.settings import Settings
from worker.drain import Drain
from worker.increments import IncrementCache
from worker.resident import Resident


@pytest.fixture(scope="session")
def base() -> Base:
    """The demo model, loaded once."""
    return load_base("demo", device="cpu")


@pytest.fixture
def resident(environment_without_settings: None, tmp_path: Path, sqlite_url: str, base: Base) -> Iterator[Resident]:
    """A worker process's belongings, in this process, on a registry of the test's own; the model is announced."""
    del environment_without_settings
    settings = Settings.model_validate({"home": tmp_path / "home", "database_url": sqlite_url, "device": "cpu"})
    engine = make_engine(settings.database_url)
    blobs = open_blobs(settings.blob_url)
    with writing(engine) as session:
        serving.announce_model(session, base.describe())
    yield Resident(
        name=f"worker@tests:{os.getpid()}",
        queue="erase",
        settings=settings,
        engine=engine,
        blobs=blobs,
        base=base,
        increments=IncrementCache(blobs, base),
        drain=Drain(60),
    )
    engine.dispose()
    shutil.rmtree(tmp_path / "home", ignore_errors=True)
