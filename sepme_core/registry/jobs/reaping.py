"""Jobs that nobody works on. Several reapers may run at once: a row is ended once, a queue may be rung for twice."""

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from sepme_core.registry import serving
from sepme_core.registry.clock import database_time
from sepme_core.registry.jobs.rows import cancel_now, finish
from sepme_core.registry.jobs.turns import LOST
from sepme_core.registry.tables import Job


def waiting_queues(session: Session) -> list[str]:
    """Return the queues in which a job waits, or has lost its worker, by name: those to ring for.

    Jobs that were to be cancelled when their worker died are cancelled here.
    """
    _cancel_abandoned(session)
    due = or_(Job.state == "queued", LOST)
    return sorted(session.scalars(select(Job.queue).where(due).distinct()))


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


def refuse_another_base(session: Session, patience_seconds: float) -> list[str]:
    """End as failed what only workers of another base than the one served may do, and none of those lives.

    For a while it waits: a worker of that base may be about to start. Returns the ids.
    """
    model = serving.current_model(session)
    if model is None:
        return []
    loaded = {model["base_digest"], *(worker.base_digest for worker in serving.workers(session))}
    waiting = select(Job).where(Job.state == "queued", Job.base_digest.not_in(loaded))
    old = waiting.where(Job.created_at < database_time(-patience_seconds)).order_by(Job.id)
    refused = session.scalars(old.with_for_update(skip_locked=True)).all()
    for job in refused:
        problem = {
            "type": "/problems/increment-for-another-base",
            "title": "An increment was made for another base model",
            "status": 409,
            "detail": f"The job was accepted for the base {job.base_digest}; {model['base_digest']} is served now, and "
            "no worker has the other one loaded.",
            "remedy": "Erase the concepts of the mask again on the base that is served now, then ask again.",
            "concepts": [concept["name"] for concept in job.pinned.get("mask", {}).get("concepts", [])],
        }
        finish(session, job, "failed", {"problem": problem})
    return [job.id for job in refused]


def _cancel_abandoned(session: Session) -> None:
    for job in session.scalars(_lost_rows().where(Job.cancel_requested)).all():
        cancel_now(session, job)


def _lost_rows() -> Select[Job]:
    rows = select(Job).where(LOST).order_by(Job.id)
    return rows.with_for_update(skip_locked=True)
