"""A worker's hold on a job: a lease that runs out, and an attempt that fences off whoever had it before.

All times are the database's. What a worker says or publishes counts only while the row is running *its* attempt; a
lease that has run out counts until somebody else claims the job.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import ColumnElement, Float, and_, bindparam, case, func, or_, select, update
from sqlalchemy.orm import Session

from sepme_core.documents.answers import EndDocument, Measures, ProblemDocument
from sepme_core.documents.pictures import RefusalPicture
from sepme_core.documents.requests import ClaimedPins, Pinned, RequestDocument
from sepme_core.registry import images, knowledge
from sepme_core.registry.documents import mask_document
from sepme_core.registry.images import PictureRecord
from sepme_core.registry.jobs import rows, turns
from sepme_core.registry.jobs.queue import LOST
from sepme_core.registry.jobs.rows import finish, locked
from sepme_core.registry.tables import Job
from sepme_core.registry.types import database_time

NO_SYNCHRONISATION = {"synchronize_session": False}
NO_VERSION = 0


@dataclass(frozen=True)
class Claim:
    """A job as its worker holds it; `attempt` is the fence, and `losses` says how many workers were lost over it."""

    job_id: str
    attempt: int
    kind: str
    request: RequestDocument
    pinned: ClaimedPins
    concept: str | None
    worker: str
    losses: int = 0
    request_id: str | None = None


_CLAIMING = (  # built once: to build it again takes longer than the database takes
    update(Job)
    .where(Job.id == bindparam("claimed"), Job.cancel_requested.is_(False), or_(Job.state == "queued", LOST))
    .values(
        state="running",
        attempt=Job.attempt + 1,
        losses=Job.losses + case((Job.state == "running", 1), else_=0),
        worker=bindparam("claimer"),
        lease_until=database_time(bindparam("seconds", type_=Float)),
        started_at=func.coalesce(Job.started_at, database_time()),
    )
    .returning(
        *(Job.attempt, Job.kind, Job.request, Job.pinned, Job.concept, Job.losses),
        *(Job.queue, Job.actor, Job.request_id),
    )
)


def claim(session: Session, job_id: str, *, worker: str, lease_seconds: float) -> Claim | None:
    """Claim a job that is queued or whose lease has run out, with one UPDATE: of many claimers one wins.

    Its holder has had its turn then, unless nobody asked for the job.

    Returns:
        None where the job is unknown, held by another, ended, or to be cancelled.
    """
    asked = {"claimed": job_id, "claimer": worker, "seconds": lease_seconds}
    row = session.execute(_CLAIMING, asked, execution_options=NO_SYNCHRONISATION).one_or_none()
    if row is None:
        return None
    if row.kind != turns.BY_THE_WAY:
        turns.serve(session, row.queue, row.actor)
    request, pinned = knowledge.whole(session, row.request), knowledge.unfolded(session, row.pinned)
    return Claim(job_id, row.attempt, row.kind, request, pinned, row.concept, worker, row.losses, row.request_id)


def _held(claim: Claim) -> ColumnElement[bool]:
    return and_(Job.id == claim.job_id, Job.state == "running", Job.attempt == claim.attempt)


def renew(session: Session, claim: Claim, lease_seconds: float) -> bool:
    """Extend the lease from now. False: it is lost; stop working, nothing of it will be accepted."""
    renewing = update(Job).where(_held(claim)).values(lease_until=database_time(lease_seconds)).returning(Job.id)
    return session.execute(renewing, execution_options=NO_SYNCHRONISATION).one_or_none() is not None


def report(session: Session, claim: Claim, step: int, of: int, message: str, data: Measures | None = None) -> bool:
    """Say how far the work is: on the row and as an event. False: the lease is lost.

    `data` adds fields to the event.
    """
    reporting = update(Job).where(_held(claim)).values(step=step, of=of, message=message).returning(Job.id)
    if session.execute(reporting, execution_options=NO_SYNCHRONISATION).one_or_none() is None:
        return False
    rows.append(session, claim.job_id, "progress", {**(data or {}), "step": step, "of": of, "message": message})
    return True


def cancel_requested(session: Session, job_id: str) -> bool:
    """Tell whether the work is no longer wanted: cancelling was asked for, or done."""
    asked = select(or_(Job.cancel_requested, Job.state == "cancelled")).where(Job.id == job_id)
    return bool(session.scalars(asked).one_or_none())


def interrupted(session: Session, claims: Sequence[Claim]) -> tuple[set[str], set[str]]:
    """Tell which of these jobs are not held any more, and which of the others are no longer wanted, by their ids."""
    asked = select(Job.id, Job.state, Job.attempt, Job.cancel_requested).where(
        Job.id.in_(each.job_id for each in claims)
    )
    found = {row.id: row for row in session.execute(asked)}
    held = {
        each.job_id
        for each in claims
        if each.job_id in found and (found[each.job_id].state, found[each.job_id].attempt) == ("running", each.attempt)
    }
    lost = {each.job_id for each in claims} - held
    return lost, {job_id for job_id in held if found[job_id].cancel_requested}


def finish_cancelled(session: Session, claim: Claim) -> bool:
    """End the job as cancelled. False: the lease is lost."""
    return _finish(session, claim, "cancelled", {})


def fail(session: Session, claim: Claim, problem: ProblemDocument, pictures: Sequence[PictureRecord] = ()) -> bool:
    """End the job as failed with a problem document (RFC 9457). False: the lease is lost.

    Args:
        session: of `database.writing`.
        claim: the worker's hold.
        problem: the document.
        pictures: what the refusal rests on, whose PNG blobs are stored; the problem lists them as `pictures`.
    """
    job = held_row(session, claim)
    if job is None:
        return False
    said: ProblemDocument = {**problem, "pictures": _add_pictures(session, job, pictures)} if pictures else problem
    finish(session, job, "failed", {"problem": said})
    return True


def _add_pictures(session: Session, job: Job, pictures: Sequence[PictureRecord]) -> list[RefusalPicture]:
    """Give the pictures their rows; what they were drawn with was never published, so it has no version."""
    masks = [
        mask_document(
            [
                {"name": applied["concept"], "version": NO_VERSION, "digest": applied["digest"]}
                for applied in picture.record["increments"]
            ]
        )
        for picture in pictures
    ]
    added = images.add(session, job.id, job.actor, pictures, masks, pictures[0].record["base_digest"])
    return [{**images.document(row), "erased": bool(row.record["increments"])} for row in added]


def release(session: Session, claim: Claim) -> bool:
    """Give the job back unfinished, for a worker that shuts down: queued again, and not counted as lost.

    One that is to be cancelled ends here: nobody would claim it. False: the lease is lost.
    """
    return _give_back(session, claim)


def give_way(session: Session, claim: Claim) -> bool:
    """Put the job back behind others, accepted before it, that it waits for. It is not counted as lost either.

    One that is to be cancelled ends here. False: the lease is lost.
    """
    return _give_back(session, claim)


def put_back_for_trouble(session: Session, claim: Claim, reason: str, most: int) -> int | None:
    """Put the job back because something that it needs could not be used: no fault of its own. Its events say why.

    Returns:
        How often it was put back so; None, and the job is as it was, where that was `most` times before, or the lease
        is lost.
    """
    job = held_row(session, claim)
    if job is None or job.troubles >= most:
        return None
    job.troubles += 1
    said = {"step": job.step, "of": job.of, "message": f"put back: {reason}", "troubles": job.troubles}
    rows.append(session, job.id, "progress", said)
    _give_back(session, claim)
    return job.troubles


def _give_back(session: Session, claim: Claim) -> bool:
    job = held_row(session, claim)
    if job is None:
        return False
    if job.cancel_requested:
        finish(session, job, "cancelled", {})
    else:
        put_back(session, job)
    return True


def put_back(session: Session, job: Job) -> None:
    """Queue a running job again, which the caller has locked."""
    job.state, job.worker, job.lease_until = "queued", None, None
    session.flush()


def put_back_if_overtaken(session: Session, job: Job, present: Mapping[str, Any]) -> bool:
    """Queue a running job again, which the caller has locked, where it was not held against all there is by now.

    Returns whether it was put back.

    Args:
        session: of `database.writing`, after `serialise`.
        job: what it was held against is pinned.
        present: lists by the key they are pinned under; what is put back pins them.
    """
    pinned = knowledge.unfolded(session, job.pinned)
    held: Mapping[str, Any] = pinned
    if all(each in held[key] for key, found in present.items() for each in found):
        return False
    job.pinned = knowledge.folded(session, cast("Pinned", {**pinned, **present}))
    put_back(session, job)
    return True


def held_row(session: Session, claim: Claim) -> Job | None:
    """Return the row, locked, if the claim still holds it."""
    job = locked(session, claim.job_id)
    if job is None or job.state != "running" or job.attempt != claim.attempt:
        return None
    return job


def _finish(session: Session, claim: Claim, state: str, data: EndDocument) -> bool:
    job = held_row(session, claim)
    if job is None:
        return False
    finish(session, job, state, data)
    return True
