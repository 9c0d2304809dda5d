"""Which job a ring is answered with: what somebody waits for goes before what is done by the way."""

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from sepme_core.registry.jobs.leases import NO_SYNCHRONISATION
from sepme_core.registry.tables import Job

ASKED_FOR = ("erase", "protect")


def first_in_turn(session: Session, job_id: str) -> str:
    """Return the id of the job to claim at a ring for this one.

    A queued re-projection lets the oldest erasure, or protection, that is queued for the same workers go before it. It
    then counts as never rung for: ring for what `never_rung` finds once the other is done.

    Args:
        session: of `database.writing`, the transaction that claims.
        job_id: whom the ring is for; it need not exist.
    """
    job = session.get(Job, job_id)
    if job is None or job.kind != "reproject" or job.state != "queued":
        return job_id
    first = _oldest_asked_for(session, job.queue)
    if first is None:
        return job_id
    waits = update(Job).where(Job.id == job_id, Job.state == "queued").values(rung_at=None)
    session.execute(waits, execution_options=NO_SYNCHRONISATION)
    return first


def _oldest_asked_for(session: Session, queue: str) -> str | None:
    """Lock it, past what others are about to claim, so that two workers take two jobs."""
    queued = (Job.queue == queue, Job.kind.in_(ASKED_FOR), Job.state == "queued", Job.cancel_requested.is_(False))
    oldest = select(Job.id).where(*queued).order_by(Job.created_at, Job.id).limit(1)
    return session.scalars(oldest.with_for_update(skip_locked=True)).one_or_none()
