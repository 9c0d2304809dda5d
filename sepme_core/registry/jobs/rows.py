"""Jobs as operators and clients see them: made, found, listed, cancelled; and what happened to each, in order."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from sqlalchemy import bindparam, func, select, tuple_, update
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from sepme_core.documents.answers import EndDocument, ResultDocument
from sepme_core.documents.requests import JobPins, StoredRequest
from sepme_core.registry import outbox, queries, types
from sepme_core.registry.errors import CursorInvalid, JobFinished, UnknownJob
from sepme_core.registry.grounds import UNSTATED, Grounds
from sepme_core.registry.queries import Selected, find
from sepme_core.registry.tables import Event, Job
from sepme_core.registry.types import new_id
from sepme_core.terms import LIVE_STATES, queue_of

_COUNTING = (
    update(Job).where(Job.id == bindparam("counted")).values(event_count=Job.event_count + 1).returning(Job.event_count)
)


def append(session: Session, job_id: str, kind: str, data: Mapping[str, Any]) -> Event:
    """Add the next event of a job.

    The counter stands on the job's row, whose lock makes two writers take their turns; so sequences have no gaps, and
    a reader who has seen n never misses n − 1.
    """
    counted = session.execute(_COUNTING, {"counted": job_id}, execution_options={"synchronize_session": False})
    sequence = counted.scalar_one()
    event = Event(job_id=job_id, sequence=sequence, kind=kind, data=data)
    session.add(event)
    session.flush()
    return event


def after(session: Session, job_id: str, sequence: int) -> list[Event]:
    """Return the events of a job after `sequence` (0: all), oldest first."""
    later = select(Event).where(Event.job_id == job_id, Event.sequence > sequence).order_by(Event.sequence)
    return list(session.scalars(later))


BY_REQUEST = "a request to cancel it"
ENQUEUED = "sepme_enqueued"


@dataclass(frozen=True)
class Enqueued:
    """A job that a transaction has added, as far as it is counted: by its queue, its kind and its pictures."""

    kind: str
    queue: str
    pictures: int


class IsJob(Protocol):
    """What is listed as a job: when it was accepted, and its id."""

    @property
    def created_at(self) -> datetime:
        """By which it is sorted."""
        ...

    @property
    def id(self) -> str:
        """By which jobs of the same moment are sorted."""
        ...


Listed = TypeVar("Listed", bound=IsJob)


def enqueue(
    session: Session,
    *,
    kind: str,
    request: StoredRequest,
    pinned: JobPins,
    concept: str | None,
    actor: str,
    base_digest: str | None = None,
    together: str | None = None,
    job_id: str | None = None,
    grounds: Grounds = UNSTATED,
) -> Job:
    """Accept work. Ring for its queue after the transaction has ended: before that no worker can see the row.

    Args:
        session: of `database.writing`.
        kind: erase, generate, reproject, protect or evaluate.
        request: all that the worker needs, as the client sent it with defaults filled in.
        pinned: what was resolved on acceptance: known concepts, or the mask.
        concept: the concept's name for work on a concept, or that of protected prompts.
        actor: who asked.
        base_digest: the base whose workers alone may do it; None: those of any.
        together: what jobs have in common that one optimisation makes.
        job_id: its id, where something had to know it before.
        grounds: on what it was asked for.
    """
    job = Job(
        id=job_id or new_id(),
        kind=kind,
        queue=queue_of(kind),
        request=request,
        pinned=pinned,
        concept=concept,
        actor=actor,
        case=grounds.case,
        reason=grounds.reason,
        base_digest=base_digest,
        together=together,
    )
    session.add(job)
    session.flush()
    if kind != "reproject":  # nobody asked for it, and nobody could come again later
        asked: Mapping[str, Any] = request
        added = Enqueued(kind, job.queue, pictures=asked.get("count", 1) if kind == "generate" else 0)
        session.info.setdefault(ENQUEUED, []).append(added)
    return job


def enqueued(session: Session) -> list[Enqueued]:
    """Return the jobs that somebody asked for in this transaction."""
    added: list[Enqueued] = session.info.get(ENQUEUED, [])
    return added


def enqueue_finished(
    session: Session,
    *,
    kind: str,
    request: StoredRequest,
    concept: str | None,
    actor: str,
    result: ResultDocument,
    grounds: Grounds = UNSTATED,
) -> Job:
    """Answer a request that needs no work with a job that has already succeeded."""
    moment = types.now(session)
    job = Job(
        id=new_id(),
        kind=kind,
        queue=queue_of(kind),
        state="succeeded",
        request=request,
        pinned={},
        concept=concept,
        actor=actor,
        case=grounds.case,
        reason=grounds.reason,
        result=result,
        created_at=moment,
        started_at=moment,
        finished_at=moment,
    )
    session.add(job)
    session.flush()
    append(session, job.id, "succeeded", {"result": result})
    return job


def get(session: Session, job_id: str) -> Job:
    """Return a job.

    Raises:
        UnknownJob: where there is none.
    """
    return find(session, Job, job_id, UnknownJob)


_LOCKED = select(Job).where(Job.id == bindparam("id")).with_for_update()


def locked(session: Session, job_id: str) -> Job | None:
    """Return a job that no other transaction changes until this one ends, as it is now."""
    return session.scalars(_LOCKED, {"id": job_id}, execution_options={"populate_existing": True}).one_or_none()


def live_erasure(session: Session, concept: str) -> Job | None:
    """Return the erase job that is queued or running for a concept; the database allows one at most."""
    return _live(session, "erase", concept)


def wanted_erasure(session: Session, concept: str) -> Job | None:
    """Return the live erase job of a concept. One that is only waiting for its worker to let go of it ends here."""
    live = live_erasure(session, concept)
    if live is None or not live.cancel_requested:
        return live
    cancel_now(session, live)
    return None


def live_reprojection(session: Session, concept: str) -> Job | None:
    """Return the reproject job that is queued or running for a concept; the database allows one at most."""
    return _live(session, "reproject", concept)


def live_protection(session: Session, name: str) -> Job | None:
    """Return the protect job that is queued or running for a name; whoever asks for another calls it off."""
    return _live(session, "protect", name)


def _live(session: Session, kind: str, concept: str) -> Job | None:
    found = select(Job).where(Job.kind == kind, Job.concept == concept, Job.state.in_(LIVE_STATES))
    return session.scalars(found.with_for_update(), execution_options={"populate_existing": True}).one_or_none()


def wanted_jobs(rows: Selected, cursor: str | None, limit: int, **wanted: str | None) -> Selected:
    """Select of jobs those of one page, youngest first, and one more; `wanted` is what their columns are to hold.

    Raises:
        CursorInvalid: where the cursor is not one of this listing.
    """
    found = rows.where(*(getattr(Job, name) == value for name, value in wanted.items() if value is not None))
    if cursor is not None:
        moment, job_id = queries.decode(cursor, 2)
        try:
            created_at = datetime.fromisoformat(moment)
        except ValueError as error:
            raise CursorInvalid(cursor) from error
        found = found.where(tuple_(Job.created_at, Job.id) < tuple_(created_at, job_id))
    return found.order_by(Job.created_at.desc(), Job.id.desc()).limit(limit + 1)


def page_of_jobs(rows: Sequence[Listed], limit: int) -> queries.Page[Listed]:
    """Return the page out of what `wanted_jobs` selected."""
    if len(rows) <= limit:
        return queries.Page(rows, None)
    last = rows[limit - 1]
    return queries.Page(rows[:limit], queries.encode(last.created_at.isoformat(), last.id))


def job_states(session: Session, ids: Collection[str]) -> dict[str, str]:
    """Return the state of each of these jobs that there is, by id."""
    rows = session.execute(select(Job.id, Job.state).where(Job.id.in_(ids)))
    return {row.id: row.state for row in rows}


_MARKS = select(Job.id, Job.state, Job.event_count).where(Job.id.in_(bindparam("ids", expanding=True)))

Mark = tuple[str, int]
"""The state of a job and how many events it has: where these are the same, nothing has happened to it."""


def marks(session: Session, ids: Collection[str]) -> dict[str, Mark]:
    """Return the mark of each of these jobs that there is, by id."""
    rows = session.execute(_MARKS, {"ids": list(ids)})
    return {row.id: (row.state, row.event_count) for row in rows}


def counts(session: Session) -> dict[tuple[str, str], int]:
    """Return how many jobs there are by kind and state."""
    grouped = select(Job.kind, Job.state, func.count()).group_by(Job.kind, Job.state)
    return {(kind, state): count for kind, state, count in session.execute(grouped)}


def request_cancel(session: Session, job_id: str, by: str = BY_REQUEST) -> Job:
    """Cancel a job: at once where it is queued; where it runs, its worker is asked to.

    Args:
        session: of `database.writing`.
        job_id: the job.
        by: what asks for it, in words that end "cancelled by …".

    Raises:
        UnknownJob: where there is none.
        JobFinished: where it has ended.
    """
    job = locked(session, job_id)
    if job is None:
        raise UnknownJob(job_id)
    if job.state not in LIVE_STATES:
        raise JobFinished(job_id, job.state)
    if job.state == "queued":
        cancel_now(session, job, by)
    else:
        job.cancel_requested = True
        job.cancelled_by = job.cancelled_by or by
        session.flush()
    return job


def cancel_unclaimed(session: Session, job_id: str, by: str) -> None:
    """Cancel a job that no worker has yet; one that a worker has, or that has ended, stays as it is."""
    job = locked(session, job_id)
    if job is not None and job.state == "queued":
        cancel_now(session, job, by)


def cancel_now(session: Session, job: Job, by: str | None = None) -> None:
    """End a live job as cancelled without waiting for its worker, whose lease is lost by it.

    Args:
        session: of `database.writing`.
        job: the job, locked.
        by: what cancels it, in words that end "cancelled by …"; None where that was asked for before, and says who.
    """
    job.cancelled_by = job.cancelled_by or by
    finish(session, job, "cancelled", {})


def finish(session: Session, job: Job, state: str, data: EndDocument) -> None:
    """End a job that the caller has locked. `data` is the last event's: a result, a problem or nothing."""
    job.state = state
    job.result = data.get("result")
    job.problem = data.get("problem")
    job.finished_at = types.now(session)
    job.lease_until = None
    session.flush()
    ended = append(session, job.id, state, data)
    set_committed_value(job, "event_count", ended.sequence)
    if state == "failed":
        outbox.tell_of_failure(session, job)
