"""Entity tags: a new random word with each operator's change of a concept."""

from sqlalchemy.orm import Session

from sepme_core.registry import clock
from sepme_core.registry.identifiers import new_id
from sepme_core.registry.tables import Concept


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
    concept.updated_at = clock.now(session)
    session.flush()
