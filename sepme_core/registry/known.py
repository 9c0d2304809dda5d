"""What an increment must leave alone: every other concept the registry holds, and the protected prompts."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from sepme_core.registry.documents import LIVE_STATES
from sepme_core.registry.tables import Concept, Increment, Job, Protected

Documents = Sequence[Mapping[str, Any]]


def known_concepts(session: Session) -> list[dict[str, Any]]:
    """Return the known concepts as `{"name", "kind", "prompts", "erased", "decided"}`, by name.

    Known is what was erased once, whether it is restored or not, and what is being erased. A concept whose first
    erasure failed or was cancelled is not: protecting a name that never came to be would only take up capacity, or make
    its own second spelling impossible to erase. While a concept is being made anew with other prompts, both the old and
    the new ones count. `erased` is what serves, or will once its erasure under way has succeeded; `decided` is what has
    a version: of the others nobody knows yet whether they will come to be.
    """
    live = select(Job).where(Job.kind == "erase", Job.state.in_(LIVE_STATES))
    jobs = {job.concept: job for job in session.scalars(live)}
    concepts = session.scalars(select(Concept).order_by(Concept.name))
    found = ((concept, jobs.get(concept.name)) for concept in concepts)
    return [_known(concept, job) for concept, job in found if concept.version is not None or job is not None]


def _known(concept: Concept, job: Job | None) -> dict[str, Any]:
    decided = concept.version is not None
    said = [*(concept.prompts if decided else []), *(job.request["prompts"] if job else [])]
    return {
        "name": concept.name,
        "kind": job.request["kind"] if job else concept.kind,
        "prompts": list(dict.fromkeys(said)),
        "erased": concept.state == "erased" or (job is not None and "keep_state" not in job.pinned),
        "decided": decided,
    }


def decided_concepts(session: Session) -> list[dict[str, Any]]:
    """Return the concepts that have a version as `{"name", "kind", "prompts"}`, by name.

    What is stored, or is to be protected, is held against these alone: a newcomer that is refused leaves no trace.
    """
    decided = session.scalars(select(Concept).where(Concept.version.is_not(None)).order_by(Concept.name))
    return [{"name": concept.name, "kind": concept.kind, "prompts": concept.prompts} for concept in decided]


def protected_prompts(session: Session) -> list[dict[str, Any]]:
    """Return the protected prompts as `{"name", "prompts"}`, by name."""
    rows = session.scalars(select(Protected).order_by(Protected.name))
    return [{"name": row.name, "prompts": row.prompts} for row in rows]


def pins(known: Documents, protected: Documents, besides: Collection[str]) -> dict[str, Any]:
    """Return what a job pins of all that is known: everything besides what it makes."""
    return {"known": [concept for concept in known if concept["name"] not in besides], "protected": list(protected)}


def made_together(request: Mapping[str, Any]) -> set[str]:
    """Name the concepts that are made by one optimisation with a request's own, which is among them."""
    return {member["name"] for member in request.get("group", [request])}


def leaves_alone(increment: Increment, known: Documents, protected: Documents) -> bool:
    """Tell whether a stored increment was made to leave all of this alone, itself excepted.

    Those it was made together with count: they leave each other alone without being pinned.
    """
    together = increment.request.get("group", [])
    made_with = {concept["name"]: concept for concept in (*together, *increment.pinned["known"])}
    others = (concept for concept in known if concept["name"] != increment.concept)
    return leaves_prompts_alone(increment, protected) and all(
        concept["name"] in made_with and _includes(made_with[concept["name"]], concept) for concept in others
    )


def leaves_prompts_alone(increment: Increment, protected: Documents) -> bool:
    """Tell whether a stored increment was made to leave these protected prompts alone, whatever their names."""
    made_with = {prompt for entry in increment.pinned["protected"] for prompt in entry["prompts"]}
    return all(made_with.issuperset(entry["prompts"]) for entry in protected)


def _includes(before: Mapping[str, Any], concept: Mapping[str, Any]) -> bool:
    """The kind decides in which sentences the prompts are left alone."""
    return bool(before["kind"] == concept["kind"]) and set(before["prompts"]).issuperset(concept["prompts"])
