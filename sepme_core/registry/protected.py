"""Prompts that no increment may change, such as brand names: protected at once, or by a job that sees if it may be.

It may not where that weakens what is erased for good, nor where the model would not see the end of a prompt.
"""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from sepme_core.documents.answers import ProtectedDocument
from sepme_core.documents.requests import Pinned, ProtectRequest
from sepme_core.registry import audit, increments, knowledge, queries, serving, types
from sepme_core.registry.database import serialise
from sepme_core.registry.errors import UnknownProtected
from sepme_core.registry.grounds import UNSTATED, Grounds, of_job
from sepme_core.registry.jobs import further_askers
from sepme_core.registry.jobs.leases import Claim, held_row, put_back_if_overtaken
from sepme_core.registry.jobs.reprojections import enqueue_reprojections
from sepme_core.registry.jobs.rows import cancel_now, enqueue, finish, live_protection
from sepme_core.registry.knowledge import decided_concepts, protected_prompts
from sepme_core.registry.queries import find
from sepme_core.registry.serving import surely_whole
from sepme_core.registry.tables import Job, Protected
from sepme_core.registry.types import new_id


def put(
    session: Session, name: str, prompts: list[str], actor: str, grounds: Grounds = UNSTATED
) -> tuple[Protected, bool]:
    """Protect prompts under a name, in place of what it held; returns the row and whether it is new.

    Concepts accepted from now on pin them. Increments that exist are re-projected: ring for the queue `erase`
    then.
    """
    serialise(session)
    row = session.get(Protected, name)
    if row is None:
        row = Protected(name=name, prompts=prompts)
        session.add(row)
        session.flush()
        audit.append(session, actor, "protect", name, details={"prompts": prompts}, grounds=grounds)
        enqueue_reprojections(session)
        return row, True
    if row.prompts != prompts:
        details = {"prompts": prompts, "before": row.prompts}
        audit.append(session, actor, "protect", name, details=details, grounds=grounds)
        row.prompts = prompts
        row.updated_at = types.now(session)
        session.flush()
        enqueue_reprojections(session)
    else:
        audit.note(session, actor, name, grounds, of="protect", details={"prompts": prompts})
    return row, False


def get(session: Session, name: str) -> Protected:
    """Return one set of protected prompts.

    Raises:
        UnknownProtected: where there is none.
    """
    return find(session, Protected, name, UnknownProtected)


def list_page(session: Session, cursor: str | None, limit: int) -> queries.Page[Protected]:
    """Return `limit` sets of protected prompts, by name.

    Raises:
        CursorInvalid: where the cursor is not one of this listing.
    """
    return queries.page_by_name(session, Protected, cursor, limit)


def delete(session: Session, name: str, actor: str, grounds: Grounds = UNSTATED) -> Protected:
    """Protect these prompts no longer; returns the row as it was.

    Raises:
        UnknownProtected: where there is none.
    """
    serialise(session)
    row = get(session, name)
    session.delete(row)
    session.flush()
    audit.append(session, actor, "unprotect", name, details={"before": row.prompts}, grounds=grounds)
    return row


def document(row: Protected) -> ProtectedDocument:
    """Return the row as JSON."""
    return {
        "name": row.name,
        "prompts": row.prompts,
        "created_at": types.timestamp(row.created_at),
        "updated_at": types.timestamp(row.updated_at),
    }


@dataclass(frozen=True)
class Accepted:
    """The answer to a request to protect prompts.

    Attributes:
        row: what is protected from now on; None where a job is to look first.
        job: that job.
        is_new: whether nothing was protected under the name.
    """

    row: Protected | None
    job: Job | None
    is_new: bool


def accept(session: Session, name: str, prompts: list[str], actor: str, grounds: Grounds = UNSTATED) -> Accepted:
    """Protect prompts under a name, in place of what it held, or accept a job that does so if it may be.

    A job it takes where something is erased for good on the base that is served, and where a prompt may be longer than
    the model reads, unless the prompts stay as they are; until it has ended, what was protected before goes on to be.
    The job that is to protect other prompts under the name is called off; one that is to protect the same goes on and
    is the answer.

    Args:
        session: of `database.writing`. Ring for the queue `erase` then.
        name: the name.
        prompts: all that is to be protected under it.
        actor: who asked.
        grounds: on what; other ones for what is protected already, or about to be, are noted in the audit.
    """
    serialise(session)
    request: ProtectRequest = {"name": name, "prompts": prompts}
    row, live = session.get(Protected, name), live_protection(session, name)
    if live is not None and live.request == request and not live.cancel_requested:
        further_askers.note(session, live, actor, grounds)
        if grounds != of_job(live):
            audit.note(session, actor, name, grounds, of="protect", details={"job": live.id})
        return Accepted(None, live, row is None)
    pinned, successor = _pins(session, request), new_id()
    unchanged = row is not None and row.prompts == prompts
    at_once = unchanged or (not pinned["irrevocable"] and surely_whole(serving.current_model(session), prompts))
    if live is not None:
        other = "" if at_once else f", job {successor}"
        cancel_now(session, live, f"a later request to protect other prompts as {name!r}{other}")
    if at_once:
        stored, is_new = put(session, name, prompts, actor, grounds)
        return Accepted(stored, None, is_new)
    job = enqueue(
        session,
        kind="protect",
        request=request,
        pinned=knowledge.folded(session, pinned),
        concept=name,
        actor=actor,
        job_id=successor,
        grounds=grounds,
    )
    return Accepted(None, job, row is None)


def give_up(session: Session, name: str, actor: str, grounds: Grounds = UNSTATED) -> None:
    """Protect the prompts of a name no longer, and call off the job that was to.

    Raises:
        UnknownProtected: where none are protected, nor are about to be.
    """
    serialise(session)
    live = live_protection(session, name)
    if live is not None:
        cancel_now(session, live, f"a request to protect {name!r} no longer")
    if live is None or session.get(Protected, name) is not None:
        delete(session, name, actor, grounds)
    else:
        audit.note(session, actor, name, grounds, of="unprotect", details={"cancelled_job": live.id})


def pin(session: Session, claim: Claim) -> Pinned | None:
    """Pin what the prompts of a claimed job are to be held against, as it is by now.

    Returns:
        `known`, `protected` (under other names) and `irrevocable`, as a job that erases pins them; None where the lease
        is lost.
    """
    serialise(session)
    job = held_row(session, claim)
    if job is None:
        return None
    pinned = _pins(session, job.request)
    job.pinned = knowledge.folded(session, pinned)
    session.flush()
    return pinned


def publish(session: Session, claim: Claim) -> bool:
    """Protect the prompts of a job, which weaken nothing that it pinned, and end it with them as its result.

    Stored increments are re-projected: ring for the queue `erase` then.

    Returns:
        False where nothing was published: the lease was lost; or cancelling was asked for, and the job is cancelled; or
        something was erased for good, decided or protected meanwhile, and the job is queued again, pinning
        that too.
    """
    serialise(session)
    job = held_row(session, claim)
    if job is None:
        return False
    if job.cancel_requested:
        cancel_now(session, job)
        return False
    if put_back_if_overtaken(session, job, _pins(session, job.request)):
        return False
    request: ProtectRequest = job.request
    row, _ = put(session, request["name"], request["prompts"], job.actor, of_job(job))
    finish(session, job, "succeeded", {"result": document(row)})
    return True


def _pins(session: Session, request: ProtectRequest) -> Pinned:
    model = serving.current_model(session)
    return {
        "known": decided_concepts(session),
        "protected": [entry for entry in protected_prompts(session) if entry["name"] != request["name"]],
        "irrevocable": increments.irrevocable(session, model["base_digest"], ()) if model else [],
    }
