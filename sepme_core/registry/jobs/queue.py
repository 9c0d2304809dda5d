"""What waits: whose turn it is, whether there is room for more, and what nobody works on.

What somebody waits for goes before what is done by the way; holders take turns (`turns`), and of each the oldest job
goes first. A job may be for the workers of one base alone. Jobs that are optimised together go to one worker, as long
as it lives. The waiting of each queue is bounded. Several reapers may run at once: a row is ended once, a queue may be
rung for twice.
"""

from dataclasses import dataclass
from math import ceil

from sqlalchemy import ColumnElement, Select, and_, bindparam, case, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from sepme_core import problems
from sepme_core.registry import serving, types
from sepme_core.registry.database import lock_admission
from sepme_core.registry.errors import QueueFull
from sepme_core.registry.jobs.rows import cancel_now, enqueued, finish
from sepme_core.registry.jobs.turns import BY_THE_WAY, HAS_TURN, SERVED
from sepme_core.registry.serving import ALIVE_SECONDS
from sepme_core.registry.tables import Job, Turn, Worker
from sepme_core.registry.types import database_time

LOST = and_(Job.state == "running", Job.lease_until < database_time())


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
    held_elsewhere = (  # asked once a claim and not once a job, which PostgreSQL takes for dear
        select(other.together)
        .join(Worker, Worker.name == other.worker)
        .where(other.together.is_not(None), other.worker != bindparam("worker"))
        .where(Worker.seen_at > database_time(-ALIVE_SECONDS))
    )
    return (
        Job.queue == bindparam("queue"),
        or_(Job.state == "queued", and_(LOST, Job.losses + 1 < bindparam("attempts"))),
        Job.cancel_requested.is_(False),
        or_(Job.base_digest.is_(None), Job.base_digest == bindparam("base_digest")),
        or_(Job.together.is_(None), Job.together.not_in(held_elsewhere)),
    )


# Built once: to build them again takes longer than the database takes to answer.
_TURN = (case((Job.kind == BY_THE_WAY, 1), else_=0), SERVED, Job.created_at, Job.id)
_IN_TURN = select(Job.id).outerjoin(Turn, HAS_TURN).where(*_due()).order_by(*_TURN)
_NEXT = _IN_TURN.limit(1).with_for_update(skip_locked=True, of=Job)
_WAITS = select(exists().where(*_due()))


def next_in_turn(session: Session, claimant: Claimant) -> str | None:
    """Return the id of the job to claim, locked past what others are about to claim; None where nothing waits.

    In the transaction that claims it, of `database.writing`.
    """
    return session.scalars(_NEXT, vars(claimant)).one_or_none()


def waits(session: Session, claimant: Claimant) -> bool:
    """Tell whether there is anything that it could claim."""
    return bool(session.scalars(_WAITS, vars(claimant)).one())


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

    Decided at the end of the transaction that accepts, under a lock: of many that come at once no more get in than fit.

    Returns:
        How many wait now, of each queue that got something.

    Raises:
        QueueFull: the caller rolls back, and nothing was accepted.
    """
    added = [each.queue for each in enqueued(session)]
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
    seconds = (types.now(session) - recent[-1]).total_seconds() / len(recent)
    return max(1, min(ceil(places * seconds), LONGEST_SECONDS))


def _waiting(session: Session, queue: str) -> int:
    counted = select(func.count()).select_from(Job).where(Job.state == "queued", Job.queue == queue)
    return session.scalars(counted).one()


def waiting_of(session: Session, holder: str) -> int:
    """Return how many jobs wait that a holder asked for. Nobody else is admitted until the transaction ends."""
    lock_admission(session)
    asked_for = (Job.state == "queued", Job.actor == holder, Job.kind != BY_THE_WAY)
    return session.scalars(select(func.count()).select_from(Job).where(*asked_for)).one()


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
        detail = f"The job lost its worker {job.losses + 1} times and is not tried again."
        problem = problems.WORKER_LOST.document(detail, problems.WORKER_LOST.remedy)
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
        problem = problems.INCREMENT_FOR_ANOTHER_BASE.document(
            f"The job was accepted for the base {job.base_digest}; {model['base_digest']} is served now, and no worker"
            " has the other one loaded.",
            "Erase the concepts of the mask again on the base that is served now, then ask again.",
            concepts=[concept["name"] for concept in job.pinned.get("mask", {}).get("concepts", [])],
        )
        finish(session, job, "failed", {"problem": problem})
    return [job.id for job in refused]


def _cancel_abandoned(session: Session) -> None:
    for job in session.scalars(_lost_rows().where(Job.cancel_requested)).all():
        cancel_now(session, job)


def _lost_rows() -> Select[Job]:
    rows = select(Job).where(LOST).order_by(Job.id)
    return rows.with_for_update(skip_locked=True)
