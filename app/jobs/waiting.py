"""Hold the line until a job has finished."""

from collections.abc import Sequence
from time import monotonic
from typing import Any

from fastapi import Request
from sqlalchemy.orm import Session

from app.draining import is_draining
from app.jobs.watching import Marks
from app.services import Services
from sepme_core.registry import jobs

FINISHED = frozenset({"succeeded", "failed", "cancelled"})
STEP_SECONDS = 0.25
"""How often somebody who waits looks whether there is still a reason to; the database is not asked for that."""

Document = dict[str, Any]


def read_jobs(session: Session, job_ids: Sequence[str]) -> list[Document]:
    """The jobs as documents, in the order of their ids.

    Raises:
        UnknownJob: Where there is none with one of the ids.
    """
    return [jobs.document(jobs.get(session, job_id)) for job_id in job_ids]


async def finished_jobs(
    services: Services,
    request: Request,
    job_ids: Sequence[str],
    deadline: float,
    known: Sequence[Document] | None = None,
) -> Sequence[Document]:
    """Wait until all jobs have finished or there is a reason to stop waiting.

    Reasons to stop are: the time is up, the client has gone, the server drains. The jobs go on in any case.

    Args:
        services: Where the jobs are.
        request: Whose client is waiting.
        job_ids: The jobs.
        deadline: When to stop at the latest (`time.monotonic`).
        known: The jobs as they were a moment ago, if they have just been read.

    Returns:
        The jobs as they are then, as documents, in the order of their ids.
    """
    found = known if known is not None else await services.read(lambda session: read_jobs(session, job_ids))
    if deadline <= monotonic() or all(job["state"] in FINISHED for job in found):
        return found

    def have_finished(marks: Marks) -> bool:
        return all(job_id not in marks or marks[job_id][0] in FINISHED for job_id in job_ids)

    since = monotonic()
    while (left := deadline - monotonic()) > 0 and not is_draining() and not await request.is_disconnected():
        if await services.watcher.until(job_ids, have_finished, min(left, STEP_SECONDS), since):
            break
    return await services.read(lambda session: read_jobs(session, job_ids))
