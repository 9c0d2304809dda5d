"""Hold the line until a job has finished."""

import asyncio
from collections.abc import Sequence
from time import monotonic
from typing import Any

from fastapi import Request
from sqlalchemy.orm import Session

from app.draining import is_draining
from app.services import Services
from sepme_core.registry import jobs

FINISHED = frozenset({"succeeded", "failed", "cancelled"})
FIRST_PAUSE = 0.05
LONGEST_PAUSE = 0.5

Document = dict[str, Any]


def read_jobs(session: Session, job_ids: Sequence[str]) -> list[Document]:
    """The jobs as documents, in the order of their ids.

    Raises:
        UnknownJob: Where there is none with one of the ids.
    """
    return [jobs.document(jobs.get(session, job_id)) for job_id in job_ids]


async def finished_jobs(
    services: Services, request: Request, job_ids: Sequence[str], deadline: float
) -> list[Document]:
    """Look at the jobs, ever less often, until all have finished or there is a reason to stop waiting.

    Reasons to stop are: the time is up, the client has gone, the server drains. The jobs go on in any case.

    Args:
        services: Where the jobs are.
        request: Whose client is waiting.
        job_ids: The jobs.
        deadline: When to stop at the latest (`time.monotonic`).

    Returns:
        The jobs as they are then, as documents, in the order of their ids.
    """
    pause = FIRST_PAUSE
    while True:
        found = await services.read(lambda session: read_jobs(session, job_ids))
        left = deadline - monotonic()
        if left <= 0 or all(job["state"] in FINISHED for job in found):
            return found
        if is_draining() or await request.is_disconnected():
            return found
        await asyncio.sleep(min(pause, left))
        pause = min(1.5 * pause, LONGEST_PAUSE)
