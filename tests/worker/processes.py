"""Worker processes' belongings, held in this process."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from sepme_core.drawing.conditioning import Conditioner
from sepme_core.erasure import ErasureCache
from sepme_core.increments.mask import MaskCache
from sepme_core.models.model import DiffusionModel
from sepme_core.registry import jobs, serving
from sepme_core.registry.blobs import open_blobs
from sepme_core.registry.database import make_engine, reading, writing
from sepme_core.settings import Settings
from worker import work
from worker.lease import Drain
from worker.process import IncrementCache, LastGroup, WorkerProcess


@contextmanager
def working(home: Path, database_url: str, base: DiffusionModel, cache: ErasureCache) -> Iterator[WorkerProcess]:
    """What a worker has that works on a registry; its model is announced. The home goes at the end."""
    with working_in(home, base, cache, database_url) as worker:
        yield worker
    shutil.rmtree(home, ignore_errors=True)


@contextmanager
def working_in(
    home: Path, base: DiffusionModel, cache: ErasureCache, database_url: str | None = None
) -> Iterator[WorkerProcess]:
    """What a worker has that works on a registry, which lies in its home unless said otherwise; all of it stays."""
    url = database_url or f"sqlite:///{home}/registry.sqlite3"
    settings = Settings.model_validate({"home": home, "database_url": url, "device": "cpu"})
    engine = make_engine(settings.database_url)
    blobs = open_blobs(settings.blob_url)
    with writing(engine) as session:
        serving.announce_model(session, base.describe())
    yield WorkerProcess(
        name=f"worker@tests:{os.getpid()}",
        queue="erase",
        settings=settings,
        engine=engine,
        blobs=blobs,
        base=base,
        increments=IncrementCache(blobs, base),
        masks=MaskCache(base),
        conditioner=Conditioner(base),
        cache=cache,
        drain=Drain(60),
    )
    engine.dispose()


def another(worker: WorkerProcess, name: str) -> WorkerProcess:
    """A second worker of the same registry."""
    fresh = with_base(worker, worker.base)
    return replace(fresh, name=name, last_group=LastGroup(), drain=Drain(60))


def with_base(worker: WorkerProcess, base: DiffusionModel) -> WorkerProcess:
    """The worker with this base loaded, and nothing read or computed for it yet but what erasures have in common."""
    return replace(
        worker,
        base=base,
        cache=worker.cache if base is worker.base else ErasureCache(base),
        increments=IncrementCache(worker.blobs, base),
        masks=MaskCache(base),
        conditioner=Conditioner(base),
    )


def answer(worker: WorkerProcess, job_id: str) -> None:
    """Claim this job, whoever's turn it is, and do it; nothing where it cannot be had."""
    with writing(worker.engine) as session:
        claim = jobs.claim(session, job_id, worker=worker.name, lease_seconds=worker.settings.lease_seconds)
    if claim is not None:
        work.do(worker, claim)


def queued(worker: WorkerProcess) -> set[str]:
    """The ids of all jobs that wait."""
    with reading(worker.engine) as session:
        return {job.id for job in jobs.page_of_texts(session, None, 50, state="queued").items}


def work_off(worker: WorkerProcess) -> None:
    """Look at the queue until nothing is left, as a worker does that was rung for."""
    while work.do_next(worker, lambda: None):
        pass
