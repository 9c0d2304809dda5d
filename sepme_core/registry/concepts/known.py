"""What an increment must leave alone: every other concept the registry holds, and the protected prompts."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from sepme_core.registry import protected
from sepme_core.registry.documents import LIVE_STATES
from sepme_core.registry.tables import Concept, Job


def known_concepts(session: Session) -> list[dict[str, Any]]:
    """Return the known concepts as `{"name", "kind", "prompts"}`, by name.

    Known is what was erased once, whether it is restored or not, and what is being erased. A concept whose first
    erasure failed or was cancelled is not: protecting a name that never came to be would only take up capacity, or make
    its own second spelling impossible to erase. While a concept is being made anew with other prompts, both the old and
    the new ones count.
    """
    live = select(Job).where(Job.kind == "erase", Job.state.in_(LIVE_STATES))
    requests = {job.concept: job.request for job in session.scalars(live)}
    known = []
    for concept in session.scalars(select(Concept).order_by(Concept.name)):
        request = requests.get(concept.name)
        if concept.version is None and request is None:
            continue
        kind = request["kind"] if request else concept.kind
        said = [*(concept.prompts if concept.version is not None else []), *(request["prompts"] if request else [])]
        known.append({"name": concept.name, "kind": kind, "prompts": list(dict.fromkeys(said))})
    return known


def protected_prompts(session: Session) -> list[dict[str, Any]]:
    """Return the protected prompts as `{"name", "prompts"}`, by name."""
    return [{"name": row.name, "prompts": row.prompts} for row in protected.everything(session)]
