"""Concepts as documents, with their tags."""

from typing import Any

from sqlalchemy.orm import Session

from app.pages import PageQuery
from sepme_core.registry import concepts, serving

Document = dict[str, Any]


def page(session: Session, query: PageQuery) -> Document:
    """One page of the concepts, and the room that is left.

    Raises:
        CursorInvalid: Where the cursor is not one of this listing.
    """
    found = concepts.list_page(session, query.cursor, query.limit)
    model = serving.current_model(session)
    return {
        "items": concepts.documents(session, found.items),
        "next_cursor": found.next_cursor,
        "capacity": model.get("capacity") if model else None,
    }


def one(session: Session, name: str) -> tuple[Document, str]:
    """A concept and its entity tag.

    Raises:
        UnknownConcept: Where there is none with the name.
    """
    concept = concepts.get(session, name)
    return concepts.document(session, concept), concepts.etag(concept)


def restore(session: Session, name: str, holder: str, if_match: str | None) -> tuple[Document, str]:
    """Restore a concept; the concept as it is then, and its new entity tag.

    Raises:
        UnknownConcept, ConceptIrrevocable, ConceptMoved: As the registry says.
    """
    concepts.restore(session, name, holder, if_match)
    return one(session, name)
