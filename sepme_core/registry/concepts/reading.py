"""Concepts found and listed."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from sepme_core.registry import cursors
from sepme_core.registry.documents import concept_documents
from sepme_core.registry.errors import UnknownConcept
from sepme_core.registry.further_names import concept_of
from sepme_core.registry.lookups import find
from sepme_core.registry.tables import Concept


def get(session: Session, name: str) -> Concept:
    """Return the concept that a name, its own or a further one, stands for.

    Raises:
        UnknownConcept: where there is none.
    """
    return find(session, Concept, concept_of(session, name), UnknownConcept)


def list_page(session: Session, cursor: str | None, limit: int) -> cursors.Page[Concept]:
    """Return `limit` concepts, by name.

    Raises:
        CursorInvalid: where the cursor is not one of this listing.
    """
    return cursors.page_by_name(session, Concept, cursor, limit)


def document(session: Session, concept: Concept) -> dict[str, Any]:
    """Return the concept as clients see it."""
    return concept_documents(session, [concept])[0]


def documents(session: Session, concepts: Sequence[Concept]) -> list[dict[str, Any]]:
    """Return several concepts as clients see them, by as many queries as one takes."""
    return concept_documents(session, concepts)
