"""Whether there is room for the jobs that a transaction has made: the waiting of each queue is bounded.

Decided at the end of the transaction that accepts, under a lock: of many that come at once no more get in than fit.
"""

from dataclasses import dataclass
from math import ceil

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sepme_core.registry import clock
from sepme_core.registry.database import lock_admission
from sepme_core.registry.errors import QueueFull
from sepme_core.registry.jobs.rows import enqueued
from sepme_core.registry.tables import Job

RECENT = 20
"""So many jobs that ended last tell how fast a queue moves."""
UNMEASURED_SECONDS = 60
LONGEST_SECONDS = 3600


@dataclass(frozen=True)
class Waiting:
    """How many wait in a queue where `limit` of them may."""

    queue: str
    waiting: int
    limit: int


def admit(session: Session, limit: int) -> list[Waiting]:
    """Refuse what the transaction has enqueued where more than `limit` jobs would then wait in one queue.

    Returns:
        How many wait now, of each queue that got something.

    Raises:
        QueueFull: the caller rolls back, and nothing was accepted.
    """
    added = enqueued(session)
    if not added:
        return []
    lock_admission(session)
    counted = []
    for queue in sorted(set(added)):
        waiting = _waiting(session, queue)
        if waiting > limit:
            seconds = retry_seconds(session, queue, waiting - limit)
            raise QueueFull(queue, waiting - added.count(queue), limit, seconds)
        counted.append(Waiting(queue, waiting, limit))
    return counted


def retry_seconds(session: Session, queue: str, places: int) -> int:
    """Return in how many seconds so many jobs will have left a queue, by how fast the last ones ended."""
    ended = select(Job.finished_at).where(Job.queue == queue, Job.state.in_(("succeeded", "failed")))
    recent = [moment for moment in session.scalars(ended.order_by(Job.finished_at.desc()).limit(RECENT)) if moment]
    if not recent:
        return UNMEASURED_SECONDS
    seconds = (clock.now(session) - recent[-1]).total_seconds() / len(recent)
    return max(1, min(ceil(places * seconds), LONGEST_SECONDS))


def _waiting(session: Session, queue: str) -> int:
    counted = select(func.count()).select_from(Job).where(Job.state == "queued", Job.queue == queue)
    return session.scalars(counted).one()
