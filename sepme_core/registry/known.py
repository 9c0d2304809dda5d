"""What an increment must leave alone: every other concept the registry holds, and the protected prompts."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from sepme_core.registry import knowledge
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


def made_together(request: Mapping[str, Any]) -> set[str]:
    """Name the concepts that are made by one optimisation with that of a stored request, which is among them."""
    return set(request["group"]["names"]) if "group" in request else {request["name"]}


def not_leaving_alone(
    session: Session, stored: Iterable[Increment], known: Documents, protected: Documents
) -> list[Increment]:
    """Return the stored increments that were not made to leave all of this alone, themselves excepted.

    Those they were made together with count: they leave each other alone without being pinned. What increments pin in
    common is compared once.
    """
    by_name = {concept["name"]: concept for concept in known}
    missed: dict[str, dict[str, Mapping[str, Any]]] = {}
    unguarded: dict[str, bool] = {}
    found = []
    for increment in stored:
        digest = increment.pinned["knowledge"]
        if digest not in missed:
            made_with = knowledge.lists(session, digest)
            missed[digest] = missing_from(made_with["known"], known)
            unguarded[digest] = not _all_said(made_with["protected"], protected)
        left_out = {name: by_name[name] for name in increment.pinned["besides"] if name in by_name}
        others = {name: concept for name, concept in (missed[digest] | left_out).items() if name != increment.concept}
        if unguarded[digest] or (others and missing_from(_together(session, increment), list(others.values()))):
            found.append(increment)
    return found


def _together(session: Session, increment: Increment) -> Documents:
    return knowledge.whole(session, increment.request).get("group", [])


def missing_from(made_with: Documents, known: Documents) -> dict[str, Mapping[str, Any]]:
    """Return, by name, what is known and not left alone by what was made with these entries, as they say it."""
    before = {concept["name"]: concept for concept in made_with}
    return {
        concept["name"]: concept
        for concept in known
        if concept["name"] not in before or not _includes(before[concept["name"]], concept)
    }


def leaves_prompts_alone(session: Session, increment: Increment, protected: Documents) -> bool:
    """Tell whether a stored increment was made to leave these protected prompts alone, whatever their names."""
    return _all_said(knowledge.lists(session, increment.pinned["knowledge"])["protected"], protected)


def _all_said(made_with: Documents, protected: Documents) -> bool:
    said = {prompt for entry in made_with for prompt in entry["prompts"]}
    return all(said.issuperset(entry["prompts"]) for entry in protected)


def _includes(before: Mapping[str, Any], concept: Mapping[str, Any]) -> bool:
    """The kind decides in which sentences the prompts are left alone."""
    return bool(before["kind"] == concept["kind"]) and set(before["prompts"]).issuperset(concept["prompts"])
