"""What the routes work with: settings, database, blobs, doorbell, metrics, made once an application."""

import signal
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import Depends, Request
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app import storage
from app.doorbell import Doorbell
from app.jobs.watcher import Marks, Watcher
from app.metrics import Measures, RegistryCollector
from app.quotas import Meter
from app.transactions import PATIENCE_SECONDS, Lane, WriteRecord, open_lane
from sepme_core.registry import audit_heads, database, jobs
from sepme_core.registry.blobs import Blobs, open_blobs
from sepme_core.settings import Settings

Answer = TypeVar("Answer")
READS = 16
WRITES = 8
"""How many are under way at once in this process; a database has one writer at a time, or little more."""


def is_draining() -> bool:
    """Whether uvicorn got its signal. ASGI has no word for that, but the signal's handler is a method of the server."""
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return bool(getattr(server, "should_exit", False))


@dataclass(frozen=True)
class Services:
    """The application's parts. The database is used in threads only: the event loop never waits for it."""

    settings: Settings
    reads: Lane
    writes: Lane
    written: WriteRecord
    watcher: Watcher
    blobs: Blobs
    doorbell: Doorbell
    meter: Meter
    measures: Measures

    @property
    def engine(self) -> Engine:
        """What is written with."""
        return self.writes.engine

    async def read(self, question: Callable[[Session], Answer]) -> Answer:
        """Ask the registry in one read-only transaction. The answer must not need the session any more."""
        return await self.reads.run(lambda: self._read(question))

    async def write(self, change: Callable[[Session], Answer], then: Callable[[Answer], None] | None = None) -> Answer:
        """Change the registry in one transaction. The answer must not need the session any more.

        `then` is called with it in the same thread, as soon as the change has been committed.
        """
        return await self.writes.run(lambda: self._write(change, then))

    async def attempt(self, change: Callable[[Session], Answer]) -> Answer:
        """Do something in one transaction of which nothing stays, and answer what would have come of it."""
        return await self.writes.run(lambda: self._attempt(change))

    def ring(self) -> None:
        """Ring for the jobs that a change may have made by the way: they are no answer to a client."""
        self.doorbell.ring("erase")

    def reading(self) -> AbstractContextManager[Session]:
        """A read-only transaction, for code that runs in a thread already."""
        return database.reading(self.reads.engine)

    def close(self) -> None:
        """Let go of the broker and the database."""
        self.doorbell.close()
        self.meter.close()
        self.reads.engine.dispose()
        self.writes.engine.dispose()

    def _read(self, question: Callable[[Session], Answer]) -> Answer:
        with self.reading() as session:
            return question(session)

    def _attempt(self, change: Callable[[Session], Answer]) -> Answer:
        with database.trying(self.engine) as session:
            return change(session)

    def _write(self, change: Callable[[Session], Answer], then: Callable[[Answer], None] | None) -> Answer:
        with database.writing(self.engine) as session:
            answer = change(session)
        if then is not None:
            then(answer)
        return answer


def open_services(settings: Settings) -> Services:
    """Open the parts; nothing is read or written yet, and nothing need be up."""
    measures = Measures()
    measures.free_bytes.set_function(lambda: storage.room(settings).free_bytes)
    reads, writes = open_lane(settings.database_url, READS), open_lane(settings.database_url, WRITES)
    audit_heads.keep(writes.engine, settings.audit_heads)
    measures.registry.register(RegistryCollector(reads.engine))

    def marks(job_ids: Collection[str]) -> Marks:
        with database.reading(reads.engine) as session:
            return jobs.marks(session, job_ids)

    return Services(
        settings=settings,
        reads=reads,
        writes=writes,
        written=WriteRecord(writes.engine, silence_seconds=2 * (settings.sweep_seconds + PATIENCE_SECONDS)),
        watcher=Watcher(lambda job_ids: reads.run(lambda: marks(job_ids))),
        blobs=open_blobs(settings.blob_url),
        doorbell=Doorbell(settings.broker_url, measures.rings),
        meter=Meter(settings.broker_url, measures.quota_refusals),
        measures=measures,
    )


async def get_services(request: Request) -> Services:
    """The services of the application that answers the request."""
    services: Services = request.app.state.services
    return services


ServicesDependency = Annotated[Services, Depends(get_services)]
