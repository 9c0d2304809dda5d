"""Increments that draw, instead of their own concept, what is erased now: made again by the job that erases it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from sepme_core.registry import increments, knowledge
from sepme_core.registry.clock import now
from sepme_core.registry.jobs.versions import (
    StoredIncrement,
    add_version,
    audit_version,
    call_off_reprojection,
    served,
)
from sepme_core.registry.tables import Concept, Job


@dataclass(frozen=True)
class Remade:
    """The increment of another concept, made again so that it draws something else instead.

    Attributes:
        concept: the other concept.
        trained_digest: the trained version that it was made from.
        made: the increment.
    """

    concept: str
    trained_digest: str
    made: StoredIncrement


def publish_remade(session: Session, job: Job, remade: Sequence[Remade]) -> None:
    """Let each stand for its concept, erased or restored as that is; its entity tag stays.

    One whose concept was purged or trained anew meanwhile is dropped: it was made from what stands there no more.
    """
    for one in remade:
        concept = session.get(Concept, one.concept, with_for_update=True, populate_existing=True)
        if concept is None or concept.version is None:
            continue
        if increments.trained(session, concept.name).digest == one.trained_digest:
            _publish(session, job, concept, one)


def _publish(session: Session, job: Job, concept: Concept, one: Remade) -> None:
    trained = increments.trained(session, concept.name)
    own = {key: job.request[key] for key in ("name", "kind", "prompts")}
    pinned = knowledge.unfolded(session, job.pinned)
    others = [known for known in pinned["known"] if known["name"] != concept.name]
    known = sorted([*others, own | {"erased": True, "decided": True}], key=lambda each: str(each["name"]))
    kept = knowledge.keep(session, known, pinned["protected"])
    before = served(session, concept)
    call_off_reprojection(session, concept)
    made = replace(one.made, reason="substituted")
    increment = add_version(session, job, concept.name, made, trained.request, kept)
    concept.version = increment.version
    concept.updated_at = now(session)
    session.flush()
    audit_version(session, "substitute", concept, before, increment, {"trained": trained.version, "for": job.concept})
