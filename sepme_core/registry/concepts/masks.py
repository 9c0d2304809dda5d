"""Names resolved to increments, so that a request's mask is fixed when it is accepted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Row, and_, bindparam, or_, select
from sqlalchemy.orm import Session

from sepme_core.documents.requests import MaskDocument, MaskedConcept, PinnedMask
from sepme_core.registry.documents import mask_document
from sepme_core.registry.further_names import resolved
from sepme_core.registry.tables import Concept, Increment, Job
from sepme_core.terms import LIVE_STATES


@dataclass(frozen=True)
class MaskConcept:
    """One concept of a mask, with the increment that stands for it."""

    name: str
    version: int
    digest: str
    base_digest: str

    def document(self) -> MaskedConcept:
        """Return it as it is listed in a job's result."""
        return {"name": self.name, "version": self.version, "digest": self.digest}


@dataclass(frozen=True)
class MaskResolution:
    """What the names of a request stand for.

    Attributes:
        concepts: those with an increment, and those erased for good, by name: the order in which a mask is always built
            up.
        missing: names, as they were asked for, that are unknown or were never erased, with nothing under way.
        in_progress: names, as they were asked for, whose first increment is being made.
        irrevocable: names erased for good at this moment; they are in every mask, asked for or not.
    """

    concepts: tuple[MaskConcept, ...]
    missing: tuple[str, ...]
    in_progress: tuple[str, ...]
    irrevocable: tuple[str, ...]

    def for_another_base(self, base_digest: str) -> tuple[str, ...]:
        """Name the concepts whose increment was made for another base than this one."""
        return tuple(concept.name for concept in self.concepts if concept.base_digest != base_digest)

    def pinned(self, base_digest: str) -> PinnedMask:
        """Return what the generate job pins."""
        return {
            "mask": mask_document([concept.document() for concept in self.concepts]),
            "base_digest": base_digest,
            "irrevocable": list(self.irrevocable),
        }


_Row = Row[str, str, bool, int, str, str]


_WITH_INCREMENTS = (
    select(
        Concept.name,
        Concept.state,
        Concept.irrevocable,
        Increment.version,
        Increment.digest,
        Increment.base_digest,
    )
    .join(Increment, and_(Increment.concept == Concept.name, Increment.version == Concept.version))
    .order_by(Concept.name)
)
"""Concepts with their current increment, in one statement and so of one moment, by name."""
_FOR_GOOD = and_(Concept.state == "erased", Concept.irrevocable)
_ACTIVE = _WITH_INCREMENTS.where(Concept.state == "erased")
_IRREVOCABLE = _WITH_INCREMENTS.where(_FOR_GOOD)
_NAMED = _WITH_INCREMENTS.where(or_(Concept.name.in_(bindparam("names", expanding=True)), _FOR_GOOD))


def resolve_mask(session: Session, erased: Literal["active"] | Sequence[str]) -> MaskResolution:
    """Resolve `"active"` (all that is erased now) or names, of which each means its stored increment, even if restored.

    A further name means its concept, which counts once however often it is named. What is erased for good is added to
    whatever is named.
    Raises nothing for names without an increment: it lists them.
    """
    stands_for: dict[str, str] = {}
    if erased == "active":
        rows = session.execute(_ACTIVE).all()
    else:
        stands_for = resolved(session, erased)
        rows = session.execute(_NAMED, {"names": list(stands_for.values())}).all()
    found = tuple(map(_mask_concept, rows))
    irrevocable = tuple(row.name for row in rows if row.state == "erased" and row.irrevocable)
    with_increment = {concept.name for concept in found}
    without = {name for name, concept in stands_for.items() if concept not in with_increment}
    being_made = _being_made(session, {stands_for[name] for name in without}) if without else set()
    in_progress = {name for name in without if stands_for[name] in being_made}
    return MaskResolution(found, tuple(sorted(without - in_progress)), tuple(sorted(in_progress)), irrevocable)


def irrevocable_besides(session: Session, mask: MaskDocument) -> list[MaskedConcept]:
    """Return what is erased for good now and is not in a mask, `{"name", "version", "digest"}` each, by name.

    A worker adds it to the pinned mask when it claims the job; pictures that were drawn without are not published.
    """
    within = {concept["name"] for concept in mask["concepts"]}
    return [_mask_concept(row).document() for row in session.execute(_IRREVOCABLE) if row.name not in within]


def _mask_concept(row: _Row) -> MaskConcept:
    return MaskConcept(row.name, row.version, row.digest, row.base_digest)


def _being_made(session: Session, names: set[str]) -> set[str]:
    live = select(Job.concept).where(Job.kind == "erase", Job.state.in_(LIVE_STATES), Job.concept.in_(names))
    return {name for name in session.scalars(live) if name is not None}
