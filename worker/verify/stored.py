"""What the registry holds, read in one transaction: everything checked is of the same moment."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from sepme_core.registry import increments, knowledge
from sepme_core.registry.database import reading
from sepme_core.registry.tables import Concept, Image, Increment


@dataclass(frozen=True)
class StoredConcept:
    """A concept with an increment.

    Attributes:
        concept: its row.
        current: the version that stands for it.
        versions: all of them, oldest first.
        evidence: the current version's pictures that are still recorded.
    """

    concept: Concept
    current: Increment
    versions: list[Increment]
    evidence: list[Image]

    @property
    def name(self) -> str:
        """Its slug."""
        return self.concept.name

    @property
    def known(self) -> dict[str, Any]:
        """It as other increments are to know it."""
        return {"name": self.name, "kind": self.concept.kind, "prompts": self.concept.prompts}

    @property
    def erased(self) -> bool:
        """Whether its increment serves; else it is restored."""
        return self.concept.state == "erased"


def read_stored(engine: Engine) -> Mapping[str, StoredConcept]:
    """Every concept that has an increment, by name, in the order of names.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: the database is not usable, or holds no registry.
    """
    with reading(engine) as session:
        found = select(Concept).where(Concept.version.is_not(None)).order_by(Concept.name)
        return {concept.name: _stored(session, concept) for concept in session.scalars(found)}


def _stored(session: Session, concept: Concept) -> StoredConcept:
    current = increments.current(session, concept)
    assert current is not None  # the query asks for those that have one
    pictures = [session.get(Image, listed["id"]) for listed in current.certificate.get("pictures", [])]
    versions = increments.versions(session, concept.name)
    knowledge.unfold(session, versions)
    return StoredConcept(concept, current, versions, [each for each in pictures if each is not None])
