"""A job's events as a stream (HTML Living Standard, section 9.2: server-sent events), read from the row's sequence."""

import json
from collections.abc import AsyncIterator
from functools import partial
from http import HTTPStatus
from time import monotonic
from typing import Annotated, Any

import anyio
from fastapi import Header
from fastapi.responses import Response
from sqlalchemy.orm import Session
from sse_starlette import EventSourceResponse, ServerSentEvent

from app.draining import is_draining
from app.jobs.waiting import FINISHED, STEP_SECONDS
from app.jobs.watching import Marks
from app.services import Services
from sepme_core.registry import jobs

KEEP_ALIVE_SECONDS = 10
RECONNECT_MILLISECONDS = 1000
DRAIN_SECONDS = 2.0

CONTENT: dict[str, Any] = {"text/event-stream": {"schema": {"type": "string"}}}

LastEventId = Annotated[
    str | None,
    Header(
        alias="Last-Event-ID",
        description="The `id` of the last event that arrived; all later ones are sent.",
        pattern=r"^[0-9]{1,9}$",
    ),
]

Event = tuple[int, str, dict[str, Any]]
"""Its sequence, its kind, its data."""


async def stream(services: Services, job_id: str, sequence: int) -> Response:
    """The events after a sequence; 204 where there will be none, which tells browsers not to connect again.

    Raises:
        UnknownJob: Before anything is sent.
    """
    found, (state, _) = await services.read(partial(_read, job_id=job_id, sequence=sequence))
    if state in FINISHED and not found:
        return Response(status_code=HTTPStatus.NO_CONTENT)
    return EventSourceResponse(
        _follow(services, job_id, sequence),
        ping=KEEP_ALIVE_SECONDS,
        ping_message_factory=_keep_alive,
        shutdown_event=anyio.Event(),  # asks for the grace period, in which `_follow` ends the stream itself
        shutdown_grace_period=DRAIN_SECONDS,
    )


async def _follow(services: Services, job_id: str, sequence: int) -> AsyncIterator[ServerSentEvent]:
    yield ServerSentEvent(comment="following", retry=RECONNECT_MILLISECONDS)
    last, since = sequence, monotonic()
    while True:
        found, seen = await services.read(partial(_read, job_id=job_id, sequence=last))
        for number, kind, data in found:
            yield ServerSentEvent(id=str(number), event=kind, data=json.dumps(data))
            last = number
        if seen[0] in FINISHED or not await _has_changed(services, job_id, seen, since):
            return


async def _has_changed(services: Services, job_id: str, seen: jobs.Mark, since: float) -> bool:
    """Wait for the next event; False where the server drains."""

    def is_another(marks: Marks) -> bool:
        return marks.get(job_id) != seen

    while not is_draining():
        if await services.watcher.until([job_id], is_another, STEP_SECONDS, since):
            return True
    return False


def _read(session: Session, job_id: str, sequence: int) -> tuple[list[Event], jobs.Mark]:
    """What happened since, and the mark of the job: both of one moment."""
    job = jobs.get(session, job_id)
    document = jobs.document(job)
    events = [
        (event.sequence, event.kind, document if event.kind in FINISHED else event.data)
        for event in jobs.events_after(session, job_id, sequence)
    ]
    return events, (job.state, job.event_count)


def _keep_alive() -> ServerSentEvent:
    return ServerSentEvent(comment="keep-alive")
