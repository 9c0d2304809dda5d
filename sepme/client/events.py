"""A job's events as they happen, over as many connections as it takes (HTML Living Standard, 9.2)."""

import json
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, cast

import httpx

from sepme.client import calls
from sepme.client.connection import Connection
from sepme.client.errors import ConnectionLost, SepmeError
from sepme.client.retrying import Absence, backoff
from sepme_core.documents.answers import JobDocument, ProgressDocument
from sepme_core.terms import FINISHED

STEADY_SECONDS = 10.0
"""A line that held so long is not one that breaks again and again, though nothing was told over it."""


@dataclass(frozen=True)
class Event:
    """Something that happened to a job.

    Attributes:
        id: Its number, from 1: what is told after it is told by `events(after=…)`.
        kind: `progress`, or how the job ended: `succeeded`, `failed`, `cancelled`.
        data: As the service sent it.
    """

    id: int
    kind: str
    data: dict[str, Any]

    @property
    def is_last(self) -> bool:
        """Whether the job has ended with it."""
        return self.kind in FINISHED

    @property
    def progress(self) -> ProgressDocument | None:
        """How far the job has come, where that is what it tells."""
        return cast("ProgressDocument", self.data) if self.kind == "progress" else None

    @property
    def job(self) -> JobDocument | None:
        """The job as it ended, where that is what it tells."""
        return cast("JobDocument", self.data) if self.is_last else None


async def follow(connection: Connection, job_id: str, after: int) -> AsyncIterator[Event]:
    """The events after a number, up to the last. A line that breaks is taken up again where it broke.

    A service that is away for a while is waited for.

    Raises:
        ConnectionLost: where it breaks again and again, and nothing new is told meanwhile.
        SepmeError: as `Connection.answer` does.
    """
    last, broken, absence = after, 0, Absence(connection.retries)
    while True:
        began = time.monotonic()
        try:
            async with aclosing(_connected(connection, job_id, last)) as events:
                async for event in events:
                    last, broken = event.id, 0
                    absence.is_over()
                    yield event
                    if event.is_last:
                        return
        except _NothingFollowsError:
            return
        except SepmeError as error:
            seconds = absence.after(error)
            if seconds is None:
                raise
            await connection.pause(seconds)
            continue
        except httpx.TransportError as error:
            reason: Exception | None = error
        else:
            reason = None  # the service stops, and ends what it streams
        broken = 1 if time.monotonic() - began > STEADY_SECONDS else broken + 1
        if broken > connection.retries.most:
            raise ConnectionLost(f"The events of the job {job_id} break off after number {last}.") from reason
        await connection.pause(backoff(broken))


class _NothingFollowsError(Exception):
    """The job has ended, and its last event was told."""


async def _connected(connection: Connection, job_id: str, after: int) -> AsyncGenerator[Event, None]:
    """What one connection tells."""
    headers = {"Accept": "text/event-stream", **({"Last-Event-ID": str(after)} if after else {})}
    response = await connection.answer(replace(calls.get("jobs", job_id, "events"), headers=headers), stream=True)
    async with aclosing(connection.lines(response)) as lines:
        if response.status_code == HTTPStatus.NO_CONTENT:
            raise _NothingFollowsError
        async for event in parsed(lines):
            yield event


async def parsed(lines: AsyncIterator[str]) -> AsyncIterator[Event]:
    """Events out of the lines of a stream; comments, and what is cut off before its empty line, are left out."""
    fields: dict[str, str] = {}
    async for line in lines:
        if line:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            fields[name] = f"{fields[name]}\n{value}" if name == "data" and name in fields else value
            continue
        if "data" in fields:
            yield Event(int(fields["id"]), fields.get("event", "message"), json.loads(fields["data"]))
        fields = {}
