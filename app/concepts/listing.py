"""Concepts as JSON text, with their tags."""

from sqlalchemy.orm import Session

from app.pages import PageQuery
from sepme_core.registry import concepts, json_text, serving


def page(session: Session, query: PageQuery) -> str:
    """One page of the concepts, and the room that is left.

    Raises:
        CursorInvalid: Where the cursor is not one of this listing.
    """
    found = concepts.page_of_texts(session, query.cursor, query.limit)
    model = serving.current_model(session)
    rest = {"next_cursor": found.next_cursor, "capacity": model.get("capacity") if model else None}
    return json_text.document(rest, {"items": json_text.array(each.text for each in found.items)})


def restore(session: Session, name: str, holder: str, if_match: str | None) -> concepts.ConceptText:
    """Restore a concept; the concept as it is then.

    Raises:
        UnknownConcept, ConceptIrrevocable, ConceptMoved: As the registry says.
    """
    concepts.restore(session, name, holder, if_match)
    return concepts.text(session, name)
