"""Worker processes' belongings, held in this process."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sepme_core.base import Base
from sepme_core.erasure import Shared
from sepme_core.registry import serving
from sepme_core.registry.blobs import open_blobs
from sepme_core.registry.database import make_engine, writing
from sepme_core.settings import Settings
from worker.drain import Drain
from worker.increments import IncrementCache
from worker.resident import Resident


@contextmanager
def working(home: Path, database_url: str, base: Base, shared: Shared) -> Iterator[Resident]:
    """What a worker has that works on a registry; its model is announced. The home goes at the end."""
    settings = Settings.model_validate({"home": home, "database_url": database_url, "device": "cpu"})
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
        shared=shared,
        drain=Drain(60),
    )
    engine.dispose()
    shutil.rmtree(home, ignore_errors=True)
