"""Concepts taken out of the active set, for a time or altogether."""

from typing import Any

from sqlalchemy.orm import Session

from sepme_core.registry import audit, further_names, increments
from sepme_core.registry.concepts.reading import etag, moved
from sepme_core.registry.database import serialise
from sepme_core.registry.errors import ConceptIrrevocable, ConceptMoved, FurtherNameOnly, UnknownConcept
from sepme_core.registry.grounds import UNSTATED, Grounds
from sepme_core.registry.jobs import rows as job_rows
from sepme_core.registry.tables import Concept, FurtherName, Job


def restore(
    session: Session, name: str, actor: str, if_match: str | None = None, grounds: Grounds = UNSTATED
) -> Concept:
    """Let the concept serve no longer, and cancel the job that is erasing it. Doing it again changes nothing.

    What was erased becomes `restored`; its increment stays stored, and goes on to be re-projected. What never was
    erased stays `never-erased`. A job after which the concept is restored just as well is left alone. Other
    grounds for what is restored already are noted in the audit.

    Raises:
        UnknownConcept: where there is none.
        ConceptMoved: where `if_match` (the header's value) does not name the concept as it is.
        ConceptIrrevocable: where it was erased for good.
        FurtherNameOnly: where it is a further name: the concept that it stands for can be restored.
    """
    serialise(session)
    further = session.get(FurtherName, name)
    if further is not None:
        raise FurtherNameOnly(name, further.concept)
    concept = _changeable(session, name, if_match)
    live = job_rows.live_erasure(session, name)
    by = f"the restore of {name!r}"
    cancelled = _cancel(session, live, by) if live and "keep_state" not in live.pinned else None
    if concept.state != "erased" and cancelled is None:
        audit.note(session, actor, name, grounds, of="restore", details={"state": concept.state})
        return concept
    stored = increments.current(session, concept) if concept.state == "erased" else None
    if stored is not None:
        concept.state = "restored"
    moved(session, concept)
    details = {"cancelled_job": cancelled} if cancelled else {}
    audit.append(session, actor, "restore", name, stored.digest if stored else None, None, details, grounds)
    return concept


def purge(session: Session, name: str, actor: str, if_match: str | None = None, grounds: Grounds = UNSTATED) -> Concept:
    """Forget the concept and its versions altogether; returns it as it was.

    The increments' bytes stay: pictures and jobs may refer to them, so they are a garbage collector's business. What
    must be answered for stays in the audit. A further name is forgotten alone: the present version of its concept keeps
    the wordings, the next one does not have them.

    Raises:
        UnknownConcept: where there is none.
        ConceptMoved: where `if_match` (the header's value) does not name the concept as it is.
        ConceptIrrevocable: where it was erased for good.
    """
    serialise(session)
    further = session.get(FurtherName, name)
    if further is not None:
        return _withdraw(session, further, actor, if_match, grounds)
    concept = _changeable(session, name, if_match)
    live = job_rows.live_erasure(session, name)
    by = f"the purge of {name!r}"
    cancelled = _cancel(session, live, by) if live else None
    reprojecting = job_rows.live_reprojection(session, name)
    if reprojecting is not None:
        _cancel(session, reprojecting, by)
    stored = increments.current(session, concept)
    served = stored.digest if stored and concept.state == "erased" else None
    details: dict[str, Any] = {
        "kind": concept.kind,
        "prompts": concept.prompts,
        "state": concept.state,
        "further_names": [each.name for each in further_names.by_concept(session, [name])[name]],
        "versions": increments.listed(session, [name])[name],
        "cancelled_job": cancelled,
    }
    audit.append(session, actor, "purge", name, served, None, details, grounds)
    session.delete(concept)  # its increments and further names go by the foreign keys
    session.flush()
    return concept


def _withdraw(session: Session, further: FurtherName, actor: str, if_match: str | None, grounds: Grounds) -> Concept:
    concept = _changeable(session, further.concept, if_match)
    further_names.withdraw(session, further, actor, grounds)
    moved(session, concept)
    return concept


def _changeable(session: Session, name: str, if_match: str | None) -> Concept:
    concept = session.get(Concept, name, with_for_update=True, populate_existing=True)
    if concept is None:
        raise UnknownConcept(name)
    if if_match is not None and not _matches(if_match, etag(concept)):
        raise ConceptMoved(name, etag(concept))
    if concept.irrevocable:
        raise ConceptIrrevocable(name)
    return concept


def _matches(if_match: str, tag: str) -> bool:
    """Compare strongly (RFC 9110, section 8.8.3.2); our tags hold no comma, so a list may be split at them."""
    return if_match.strip() == "*" or tag in (one.strip() for one in if_match.split(","))


def _cancel(session: Session, job: Job, by: str) -> str:
    job_rows.cancel_now(session, job, by)
    return job.id
