"""Hold the line until a job has finished, or follow its events (HTML Living Standard, 9.2: server-sent events)."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from time import monotonic
from typing import Annotated, Any

from fastapi import Header, Request
from fastapi.responses import Response
from fastapi.sse import EventSourceResponse, format_sse_event
from sqlalchemy.orm import Session

from app.holders import Holder
from app.jobs.watcher import Marks
from app.permissions import shown_job
from app.services import Services, is_draining
from sepme_core.documents.answers import JobDocument
from sepme_core.registry import jobs
from sepme_core.terms import FINISHED

STEP_SECONDS = 0.5
"""How often somebody who waits looks whether there is still a reason to; the database is not asked for that."""
KEEP_ALIVE_SECONDS = 10
RECONNECT_MILLISECONDS = 1000
CONTENT: dict[str, Any] = {"text/event-stream": {"schema": {"type": "string"}}}
LastEventId = Annotated[
    str | None,
    Header(
        alias="Last-Event-ID",
        description="The `id` of the last event that arrived; all later ones are sent.",
        pattern=r"^[0-9]{1,9}$",
    ),
]
Event = tuple[int, str, Mapping[str, Any]]
"""Its sequence, its kind, its data."""


def read_jobs(session: Session, holder: Holder, job_ids: Sequence[str]) -> list[JobDocument]:
    """The jobs as documents that the holder may see, in the order of their ids.

    Raises:
        UnknownJob: Where there is none with one of the ids, for this holder.
    """
    return [shown_job(session, holder, job_id) for job_id in job_ids]


async def finished_jobs(
    services: Services,
    request: Request,
    holder: Holder,
    job_ids: Sequence[str],
    deadline: float,
    known: Sequence[JobDocument] | None = None,
) -> Sequence[JobDocument]:
    """Wait until all jobs have finished or there is a reason to stop waiting.

    Reasons to stop are: the time is up, the client has gone, the server drains. The jobs go on in any case.

    Args:
        services: Where the jobs are.
        request: Whose client is waiting.
        holder: Who is waiting.
        job_ids: The jobs.
        deadline: When to stop at the latest (`time.monotonic`).
        known: The jobs as they were a moment ago, if they have just been read.

    Returns:
        The jobs as they are then, as documents, in the order of their ids.
    """
    found = known if known is not None else await services.read(lambda session: read_jobs(session, holder, job_ids))
    if deadline <= monotonic() or all(job["state"] in FINISHED for job in found):
        return found

    def have_finished(marks: Marks) -> bool:
        return all(job_id not in marks or marks[job_id][0] in FINISHED for job_id in job_ids)

    since = monotonic()
    while (left := deadline - monotonic()) > 0 and not is_draining() and not await request.is_disconnected():
        if await services.watcher.until(job_ids, have_finished, min(left, STEP_SECONDS), since):
            break
    return await services.read(lambda session: read_jobs(session, holder, job_ids))


async def stream(services: Services, holder: Holder, job_id: str, sequence: int) -> Response:
    """The events after a sequence; 204 where there will be none, which tells browsers not to connect again.

    Raises:
        UnknownJob: Before anything is sent, where there is none, for this holder.
    """
    found, (state, _) = await services.read(partial(_read, holder=holder, job_id=job_id, sequence=sequence))
    if state in FINISHED and not found:
        return Response(status_code=HTTPStatus.NO_CONTENT)
    return EventSourceResponse(_follow(services, holder, job_id, sequence), headers={"X-Accel-Buffering": "no"})


async def _follow(services: Services, holder: Holder, job_id: str, sequence: int) -> AsyncIterator[bytes]:
    """The events as they happen, until the last or until the server drains; a comment where there is long none."""
    yield format_sse_event(comment="following", retry=RECONNECT_MILLISECONDS)
    last, since = sequence, monotonic()
    while True:
        found, seen = await services.read(partial(_read, holder=holder, job_id=job_id, sequence=last))
        for number, kind, data in found:
            yield format_sse_event(id=str(number), event=kind, data_str=json.dumps(data))
            last = number
        if seen[0] in FINISHED or is_draining():
            return
        said = monotonic()
        another = partial(_is_another, job_id, seen)
        while not is_draining() and not await services.watcher.until([job_id], another, STEP_SECONDS, since):
            if monotonic() - said >= KEEP_ALIVE_SECONDS:
                yield format_sse_event(comment="keep-alive")
                said = monotonic()


def _is_another(job_id: str, seen: jobs.Mark, marks: Marks) -> bool:
    return marks.get(job_id) != seen


def _read(session: Session, holder: Holder, job_id: str, sequence: int) -> tuple[list[Event], jobs.Mark]:
    """What happened since, and the mark of the job: both of one moment."""
    job, document = jobs.get(session, job_id), shown_job(session, holder, job_id)
    events: list[Event] = [
        (event.sequence, event.kind, document if event.kind in FINISHED else event.data)
        for event in jobs.events_after(session, job_id, sequence)
    ]
    return events, (job.state, job.event_count)
