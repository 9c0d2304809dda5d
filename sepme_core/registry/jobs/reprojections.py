"""Stored increments brought to what has been decided since they were made, by a job each.

Re-projection always starts from the version that was trained last, so the order in which others were decided leaves no
trace. Until a new version is published the old one goes on to serve.
"""

from dataclasses import dataclass

from sqlalchemy import Select, and_, exists, func, select
from sqlalchemy.orm import Session, load_only

from sepme_core.documents.requests import StoredPins, TrainedVersion
from sepme_core.registry import increments, knowledge, serving
from sepme_core.registry.database import serialise
from sepme_core.registry.jobs.rows import enqueue, get, live_reprojection
from sepme_core.registry.knowledge import decided_concepts, not_leaving_alone, protected_prompts
from sepme_core.registry.tables import AuditEntry, Concept, Increment, Job
from sepme_core.terms import CONCEPT_WORK, LIVE_STATES

REFUSED = 409
"""The status of what the method refuses, whatever the reason."""
MOST_FAILURES = 3


@dataclass(frozen=True)
class Occasion:
    """A state of the registry, as far as re-projections may be called for by it.

    What becomes known, or serves, leaves an audit entry; only erasures that are accepted or come to nothing, and
    re-projections that do, leave none.
    """

    base_digest: str | None
    audited: int
    live: tuple[tuple[str, str], ...]


def occasion(session: Session) -> Occasion:
    """Return a small thing that differs where `enqueue_reprojections` may find what it did not find before."""
    model = serving.current_model(session)
    live = select(Job.id, Job.state).where(Job.kind.in_(CONCEPT_WORK), Job.state.in_(LIVE_STATES)).order_by(Job.id)
    return Occasion(
        base_digest=model["base_digest"] if model else None,
        audited=session.scalars(select(func.max(AuditEntry.sequence))).one() or 0,
        live=tuple((row.id, row.state) for row in session.execute(live)),
    )


def enqueue_reprojections(session: Session) -> None:
    """See to it that each stored increment that does not leave all that is decided alone has a job to bring it there.

    To be called wherever something is decided, in the same transaction; ring for the queue `erase` then. For a
    concept that is only being erased for the first time nothing is re-projected: it may yet be refused. Of each
    concept one job is live at most: a queued one pins what is decided now; a running one is left alone, and what it
    publishes is looked at again. Left out are increments of another base than the one served, those of the published
    method, which knows no re-projection, and concepts that are being erased: what comes of that is looked at then.
    """
    serialise(session)
    model = serving.current_model(session)
    if model is None:
        return
    known, protected = decided_concepts(session), protected_prompts(session)
    due = not_leaving_alone(session, settled(session, model["base_digest"]), known, protected)
    if not due:
        return
    kept = knowledge.keep(session, known, protected)
    for increment in due:
        trained = increments.trained(session, increment.concept)
        named: TrainedVersion = {"version": trained.version, "digest": trained.digest}
        pinned: StoredPins = {"knowledge": kept["knowledge"], "besides": [increment.concept], "trained": named}
        _ask(session, trained, pinned)


def settled(session: Session, base_digest: str) -> list[Increment]:
    """Return the current increments for a base that are re-projected where that is due, by name of their concept."""
    return list(filter(increments.is_projected, session.scalars(_settled(base_digest))))


def _settled(base_digest: str) -> Select[Increment]:
    """Select the current increments of concepts that are not being erased, by name."""
    pointed = and_(Concept.name == Increment.concept, Concept.version == Increment.version)
    being_erased = exists().where(Job.concept == Increment.concept, Job.kind == "erase", Job.state.in_(LIVE_STATES))
    stored = select(Increment).join(Concept, pointed).where(Increment.base_digest == base_digest, ~being_erased)
    looked_at = load_only(Increment.concept, Increment.settings, Increment.request, Increment.pinned)
    return stored.order_by(Increment.concept).options(looked_at)


def _ask(session: Session, trained: Increment, pinned: StoredPins) -> None:
    live = live_reprojection(session, trained.concept)
    if live is None:
        if not _has_failed_too_often(session, trained.concept, pinned):
            enqueue(
                session,
                kind="reproject",
                request={"name": trained.concept},
                pinned=pinned,
                concept=trained.concept,
                actor=get(session, trained.job_id).actor,
                base_digest=trained.base_digest,
            )
    elif live.state == "queued":
        live.pinned = pinned
    session.flush()


def _has_failed_too_often(session: Session, name: str, pinned: StoredPins) -> bool:
    """Tell whether it would end as the last attempt with the same pins: the method refused, or somebody called it off.

    What failed of anything else is tried again, but not for ever.
    """
    attempts = select(Job).where(Job.kind == "reproject", Job.concept == name).order_by(Job.created_at.desc(), Job.id)
    known = knowledge.unfolded(session, pinned)
    tried = session.scalars(attempts.limit(MOST_FAILURES))
    last = [job for job in tried if knowledge.unfolded(session, job.pinned) == known]
    if not last or last[0].state not in ("failed", "cancelled"):
        return False
    failures = [job for job in last if job.state == "failed"]
    return last[0].state == "cancelled" or _is_refusal(last[0]) or len(failures) == MOST_FAILURES


def _is_refusal(job: Job) -> bool:
    return job.problem is not None and job.problem["status"] == REFUSED
