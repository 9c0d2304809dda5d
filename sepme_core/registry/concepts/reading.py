"""Concepts found and listed, as documents and as the JSON text that clients are sent, with their entity tags.

A certificate is most of a concept and grows with all that is known, so no list reads it: it is passed on as stored.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, and_, select
from sqlalchemy.orm import Session

from sepme_core.documents.answers import ConceptDocument
from sepme_core.registry import further_names, increments, json_text, queries, types
from sepme_core.registry.documents import concept_documents, work_under_way
from sepme_core.registry.errors import UnknownConcept
from sepme_core.registry.further_names import concept_of
from sepme_core.registry.queries import find
from sepme_core.registry.tables import Concept, Increment
from sepme_core.registry.types import new_id, spelt


def etag(concept: Concept) -> str:
    """Return the entity tag (RFC 9110, section 8.8.3), quotes included.

    It changes with what operators ask for, when it is accepted and when it takes effect, and with nothing else.
    """
    return quoted(concept.tag)


def quoted(tag: str) -> str:
    """Spell an entity tag out of a concept's random word."""
    return f'"{tag}"'


def moved(session: Session, concept: Concept) -> None:
    """Say that an operator changed the concept."""
    concept.tag = new_id()
    concept.updated_at = types.now(session)
    session.flush()


def get(session: Session, name: str) -> Concept:
    """Return the concept that a name, its own or a further one, stands for.

    Raises:
        UnknownConcept: where there is none.
    """
    return find(session, Concept, concept_of(session, name), UnknownConcept)


def concept_or_none(session: Session, name: str) -> Concept | None:
    """Return the concept that a name, its own or a further one, stands for; None where there is none."""
    return session.get(Concept, concept_of(session, name))


def document(session: Session, concept: Concept) -> ConceptDocument:
    """Return the concept as clients see it."""
    return concept_documents(session, [concept])[0]


@dataclass(frozen=True)
class ConceptText:
    """A concept as text, and its entity tag."""

    name: str
    etag: str
    text: str


_SPELT = {
    "name": Concept.name,
    "kind": Concept.kind,
    "state": Concept.state,
    "irrevocable": Concept.irrevocable,
    "substitute": increments.SUBSTITUTE,
    "version": Concept.version,
    "digest": Increment.digest,
    "base_digest": Increment.base_digest,
    "bytes": Increment.bytes,
    "created_at": spelt(Concept.created_at),
    "updated_at": spelt(Concept.updated_at),
}
_PASSED_ON = {
    "prompts": json_text.stored(Concept.prompts),
    "protect": json_text.stored(Concept.protect),
    "certificate": json_text.stored(Increment.certificate),
}
_POINTED = and_(Increment.concept == Concept.name, Increment.version == Concept.version)
_ROWS = select(Concept.name, Concept.tag, *_SPELT.values(), *_PASSED_ON.values()).outerjoin(Increment, _POINTED)


def one(session: Session, name: str) -> ConceptText:
    """Return the concept that a name, its own or a further one, stands for.

    Raises:
        UnknownConcept: where there is none.
    """
    concept = further_names.concept_of(session, name)
    found = _texts(session, session.execute(_ROWS.where(Concept.name == concept)).all())
    if not found:
        raise UnknownConcept(concept)
    return found[0]


def page(session: Session, cursor: str | None, limit: int) -> queries.Page[ConceptText]:
    """Return `limit` concepts, by name.

    Raises:
        CursorInvalid: where the cursor is not one of this listing.
    """
    found = queries.after_name(_ROWS, Concept, cursor, limit)
    return queries.page_of_names(_texts(session, session.execute(found).all()), limit)


def _texts(session: Session, rows: Sequence[Row[*tuple[Any, ...]]]) -> list[ConceptText]:
    names = [row[0] for row in rows]
    versions, work = increments.listed(session, names), work_under_way(session, names)
    further = further_names.by_concept(session, names)
    found = []
    for name, tag, *rest in rows:
        members = dict(zip(_SPELT, rest, strict=False))
        members["job"] = work.get(name)
        members["further_names"] = [further_names.document(each) for each in further[name]]
        members["versions"] = versions[name]
        passed_on = dict(zip(_PASSED_ON, rest[len(_SPELT) :], strict=True))
        found.append(ConceptText(name, quoted(tag), json_text.document(members, passed_on)))
    return found
