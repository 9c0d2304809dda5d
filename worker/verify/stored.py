"""What the registry holds, read in one transaction, and what of it is lost or damaged asked for again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from sepme_core.documents.requests import KnownDocument
from sepme_core.registry import audit_heads, concepts, further_names, increments, knowledge
from sepme_core.registry.blobs import open_blobs
from sepme_core.registry.database import make_engine, reading, writing
from sepme_core.registry.tables import Concept, Image, Increment
from sepme_core.settings import Settings


@dataclass(frozen=True)
class StoredConcept:
    """A concept with an increment.

    Attributes:
        concept: its row.
        current: the version that stands for it.
        versions: all of them, oldest first.
        evidence: the current version's pictures that are still recorded.
        further_names: by which it is called, too.
    """

    concept: Concept
    current: Increment
    versions: list[Increment]
    evidence: list[Image]
    further_names: list[str]

    @property
    def name(self) -> str:
        """Its slug."""
        return self.concept.name

    @property
    def known(self) -> KnownDocument:
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
    further = [each.name for each in further_names.by_concept(session, [concept.name])[concept.name]]
    return StoredConcept(concept, current, versions, [each for each in pictures if each is not None], further)


HOLDER = "sepme verify"


@dataclass(frozen=True)
class Repair:
    """A job that makes the increment of a concept again; `digests` are of the bytes that are gone or damaged."""

    concept: str
    digests: list[str]
    job: str


def repair(settings: Settings, stored: Sequence[StoredConcept]) -> list[Repair]:
    """Ask for a job for each concept whose current version, or the one that it was made from, is not there whole.

    Any service on this registry does them; until one has, the checks go on to fail.

    By jobs and not by this process: a worker makes them under a lease, looks at what it has made and publishes it as
    every other version, with a line in the audit; and of two that ask at once, one job comes.
    """
    engine, blobs = make_engine(settings.database_url), open_blobs(settings.blob_url)
    audit_heads.keep(engine, settings.audit_heads)
    try:
        with reading(engine) as session:
            looked_at = {each.name: increments.lacking(session, blobs, each.current) for each in stored}
        lacking = {name: digests for name, digests in looked_at.items() if digests}
        if not lacking:
            return []
        with writing(engine) as session:
            accepted = concepts.accept_repairs(session, lacking, HOLDER)
        return [Repair(one.concept.name, lacking[one.concept.name], one.job.id) for one in accepted]
    finally:
        engine.dispose()
