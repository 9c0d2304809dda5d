"""Which job a ring is answered with: what somebody waits for goes before what is done by the way, the oldest first."""

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from sepme_core.registry.jobs.leases import NO_SYNCHRONISATION
from sepme_core.registry.tables import Job

ASKED_FOR = ("erase", "protect")
GIVING_WAY = ("erase", "reproject")


def first_in_turn(session: Session, job_id: str) -> str:
    """Return the id of the job to claim at a ring for this one.

    The oldest erasure, or protection, that is queued for the same workers goes before a queued re-projection and before
    a queued erasure: newcomers are decided in the order in which they were accepted. The job that was rung for then
    counts as never rung for: ring for what `never_rung` finds once the other is done.

    Args:
        session: of `database.writing`, the transaction that claims.
        job_id: whom the ring is for; it need not exist.
    """
    job = session.get(Job, job_id)
    if job is None or job.kind not in GIVING_WAY or job.state != "queued":
        return job_id
    first = _oldest_asked_for(session, job.queue)
    if first is None or first == job_id:
        return job_id
    # Past a lock that another holds, who is about to claim it: each could otherwise wait for what the other has locked.
    passed_over = select(Job.id).where(Job.id == job_id, Job.state == "queued").with_for_update(skip_locked=True)
    waits = update(Job).where(Job.id.in_(passed_over)).values(rung_at=None)
    session.execute(waits, execution_options=NO_SYNCHRONISATION)
    return first


def _oldest_asked_for(session: Session, queue: str) -> str | None:
    """Lock it, past what others are about to claim, so that two workers take two jobs."""
    queued = (Job.queue == queue, Job.kind.in_(ASKED_FOR), Job.state == "queued", Job.cancel_requested.is_(False))
    oldest = select(Job.id).where(*queued).order_by(Job.created_at, Job.id).limit(1)
    return session.scalars(oldest.with_for_update(skip_locked=True)).one_or_none()
