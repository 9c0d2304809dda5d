"""What a job that erases is held against at a moment: what is known, what serves, and what was asked for before it."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from sepme_core.documents.requests import (
    EarlierDocument,
    KnownDocument,
    LeaningDocument,
    NamedIncrement,
    NewcomerDocument,
    ServingDocument,
    StoredErasure,
)
from sepme_core.registry import increments, knowledge
from sepme_core.registry.database import serialise
from sepme_core.registry.jobs.leases import Claim, held_row
from sepme_core.registry.knowledge import known_concepts, made_together, protected_prompts
from sepme_core.registry.tables import Concept, Increment, Job
from sepme_core.terms import LIVE_STATES


@dataclass(frozen=True)
class Surroundings:
    """What there is besides the concept of a job, and those that are made together with it.

    Attributes:
        known: what is known, as `known_concepts` gives it; pinned by the job.
        protected: the protected prompts; pinned.
        irrevocable: the trained versions of what is erased for good, as `increments.irrevocable` gives them; pinned.
        serving: what is erased now, `{"name", "kind", "prompts", "digest", "version"}`, by name.
        leaning: what draws a named thing instead of its concept, erased or restored, by name: `{"name", "digest",
            "substitute", "close_to"}`, where the digest is that of the trained version.
        earlier: what is being erased by jobs accepted before this one, the oldest first: `{"name", "kind", "prompts",
            "job_id", "state"}`.
    """

    known: list[KnownDocument]
    protected: list[KnownDocument]
    irrevocable: list[NamedIncrement]
    serving: list[ServingDocument]
    leaning: list[LeaningDocument]
    earlier: list[EarlierDocument]


def pin_present(session: Session, claim: Claim, base_digest: str) -> Surroundings | None:
    """Say what a claimed job is held against by now, for the base that the worker has loaded, and pin it.

    What is published pins what it was made with.

    Returns:
        It; None where the lease is lost.
    """
    serialise(session)
    job = held_row(session, claim)
    if job is None:
        return None
    besides = made_together(job.request)
    known, protected = known_concepts(session), protected_prompts(session)
    irrevocable = increments.irrevocable(session, base_digest, besides)
    kept = knowledge.keep(session, known, protected, besides)
    job.pinned = {**job.pinned, **kept, "irrevocable": irrevocable}
    session.flush()
    standing = increments.standing(session, base_digest, besides)
    return Surroundings(
        known=[concept for concept in known if concept["name"] not in besides],
        protected=protected,
        irrevocable=list(irrevocable),
        serving=[_serving(concept, increment) for concept, increment in standing if concept.state == "erased"],
        leaning=[_leaning(session, increment) for _, increment in standing if _names_a_substitute(increment)],
        earlier=_earlier(session, job, besides),
    )


def newcomers(session: Session, job: Job, base_digest: str, considered: Collection[str]) -> list[NewcomerDocument]:
    """Return what serves, or is being erased, and was not considered when a job's increment was made.

    Returns:
        `{"name", "kind", "prompts", "digest", "erased"}` each, by name; the digest is that of the version that stands
        for it on this base, None where there is none.
    """
    besides = {*considered, *made_together(job.request)}
    standing = {concept.name: increment.digest for concept, increment in increments.standing(session, base_digest)}
    live = set(session.scalars(select(Job.concept).where(Job.kind == "erase", Job.state.in_(LIVE_STATES))))
    return [
        {
            "name": known["name"],
            "kind": known["kind"],
            "prompts": known["prompts"],
            "erased": known["erased"],
            "digest": standing.get(known["name"]),
        }
        for known in known_concepts(session)
        if known["name"] not in besides and (known["erased"] or known["name"] in live)
    ]


def _serving(concept: Concept, increment: Increment) -> ServingDocument:
    return {
        "name": concept.name,
        "kind": concept.kind,
        "prompts": concept.prompts,
        "digest": increment.digest,
        "version": increment.version,
    }


def _names_a_substitute(increment: Increment) -> bool:
    return increments.substitute(increment.certificate) is not None


def _leaning(session: Session, increment: Increment) -> LeaningDocument:
    return {
        "name": increment.concept,
        "digest": increments.trained(session, increment.concept).digest,
        "substitute": increments.substitute(increment.certificate),
        "close_to": increments.leans_on(increment),
    }


def _earlier(session: Session, job: Job, besides: Collection[str]) -> list[EarlierDocument]:
    before = or_(Job.created_at < job.created_at, and_(Job.created_at == job.created_at, Job.id < job.id))
    live = select(Job).where(Job.kind == "erase", Job.state.in_(LIVE_STATES), before)
    others = session.scalars(live.order_by(Job.created_at, Job.id))
    return [_asked_for(other) for other in others if other.concept not in besides]


def _asked_for(job: Job) -> EarlierDocument:
    asked: StoredErasure = job.request
    return {
        "name": asked["name"],
        "kind": asked["kind"],
        "prompts": asked["prompts"],
        "job_id": job.id,
        "state": job.state,
    }
