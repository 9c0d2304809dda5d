"""Jobs that nobody works on. Several reapers may run at once: ringing twice is harmless, and a row is parked once."""

from sqlalchemy import ColumnElement, Select, and_, case, or_, select, update
from sqlalchemy.orm import Session

from sepme_core.registry.clock import database_time
from sepme_core.registry.jobs.leases import NO_SYNCHRONISATION
from sepme_core.registry.jobs.rows import cancel_now, finish
from sepme_core.registry.tables import Job

PATIENCE_LIMIT = 8  # a job that waits its turn in a long queue is rung for ever more rarely, up to this many times

LOST = and_(Job.state == "running", Job.lease_until < database_time())


def unclaimed(session: Session, *, rung_before_seconds: float) -> list[tuple[str, str]]:
    """Find the jobs to ring for, as (id, queue), and mark them as rung.

    Leases that ran out are due at once, queued rows `rung_before_seconds` after they were last rung for, then twice
    that, up to eight times that. Jobs that were to be cancelled when their worker died are cancelled here.
    """
    _cancel_abandoned(session)
    patience = rung_before_seconds * case({0: 1.0, 1: 2.0, 2: 4.0}, value=Job.rings, else_=float(PATIENCE_LIMIT))
    queued = and_(Job.state == "queued", or_(Job.rung_at.is_(None), Job.rung_at < database_time(-patience)))
    lost = and_(LOST, or_(Job.rung_at.is_(None), Job.rung_at < database_time(-rung_before_seconds)))
    return _ring_for(session, or_(queued, lost))


def never_rung(session: Session) -> list[tuple[str, str]]:
    """Find the queued jobs that nobody has rung for yet, as (id, queue), and mark them as rung.

    Those are re-projections, made by the way, and jobs that were put back.
    """
    return _ring_for(session, and_(Job.state == "queued", Job.rung_at.is_(None)))


def _ring_for(session: Session, condition: ColumnElement[bool]) -> list[tuple[str, str]]:
    # Locked in one order and past what others hold, so that neither reapers nor workers wait for each other in a ring.
    due = select(Job.id).where(condition).order_by(Job.id).with_for_update(skip_locked=True)
    ringing = (
        update(Job)
        .where(Job.id.in_(due))
        .values(rung_at=database_time(), rings=Job.rings + 1)
        .returning(Job.id, Job.queue, Job.created_at)
    )
    rows = session.execute(ringing, execution_options=NO_SYNCHRONISATION).all()
    return [(row.id, row.queue) for row in sorted(rows, key=lambda row: (row.created_at, row.id))]


def _cancel_abandoned(session: Session) -> None:
    for job in session.scalars(_lost_rows().where(Job.cancel_requested)).all():
        cancel_now(session, job)


def park_exhausted(session: Session, attempts: int) -> list[str]:
    """End as failed the jobs that lost their worker `attempts` times; returns their ids."""
    exhausted = session.scalars(_lost_rows().where(Job.losses + 1 >= attempts, Job.cancel_requested.is_(False))).all()
    for job in exhausted:
        problem = {
            "type": "/problems/worker-lost",
            "title": "The worker was lost",
            "status": 500,
            "detail": f"The job lost its worker {job.losses + 1} times and is not tried again.",
            "remedy": "Look at the log of the workers for what ended them, then ask again.",
        }
        finish(session, job, "failed", {"problem": problem})
    return [job.id for job in exhausted]


def _lost_rows() -> Select[Job]:
    rows = select(Job).where(LOST).order_by(Job.id)
    return rows.with_for_update(skip_locked=True)
