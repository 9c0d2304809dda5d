"""Which job a worker takes next: what somebody waits for goes before what is done by the way, the oldest first.

A job may be for the workers of one base alone. Jobs that are optimised together go to one worker, as long as it lives.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, bindparam, case, exists, or_, select
from sqlalchemy.orm import Session, aliased

from sepme_core.registry.clock import database_time
from sepme_core.registry.serving import ALIVE_SECONDS
from sepme_core.registry.tables import Job, Worker

LOST = and_(Job.state == "running", Job.lease_until < database_time())
BY_THE_WAY = "reproject"


@dataclass(frozen=True)
class Claimant:
    """Who wants a job.

    Attributes:
        worker: its name.
        queue: whose jobs it does.
        base_digest: the base that it has loaded.
        attempts: what lost its worker so often is not tried again.
    """

    worker: str
    queue: str
    base_digest: str
    attempts: int


def _due() -> tuple[ColumnElement[bool], ...]:
    """What a claimant may claim, whose fields are parameters."""
    other = aliased(Job)
    held_elsewhere = (
        exists()
        .where(other.together == Job.together, other.worker != bindparam("worker"))
        .where(Worker.name == other.worker, Worker.seen_at > database_time(-ALIVE_SECONDS))
    )
    return (
        Job.queue == bindparam("queue"),
        or_(Job.state == "queued", and_(LOST, Job.losses + 1 < bindparam("attempts"))),
        Job.cancel_requested.is_(False),
        or_(Job.base_digest.is_(None), Job.base_digest == bindparam("base_digest")),
        or_(Job.together.is_(None), ~held_elsewhere),
    )


# Built once: to build them again takes longer than the database takes to answer.
_TURN = (case((Job.kind == BY_THE_WAY, 1), else_=0), Job.created_at, Job.id)
_NEXT = select(Job.id).where(*_due()).order_by(*_TURN).limit(1).with_for_update(skip_locked=True)
_WAITS = select(exists().where(*_due()))


def next_in_turn(session: Session, claimant: Claimant) -> str | None:
    """Return the id of the job to claim, locked past what others are about to claim; None where nothing waits.

    In the transaction that claims it, of `database.writing`.
    """
    return session.scalars(_NEXT, vars(claimant)).one_or_none()


def waits(session: Session, claimant: Claimant) -> bool:
    """Tell whether there is anything that it could claim."""
    return bool(session.scalars(_WAITS, vars(claimant)).one())
