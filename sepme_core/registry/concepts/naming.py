"""One thing, one concept: what a request asks of the concept that its name stands for."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from sepme_core.registry import further_names, increments, knowledge
from sepme_core.registry.concepts.requests import LATER_FIELDS
from sepme_core.registry.concepts.tags import moved
from sepme_core.registry.errors import (
    ConceptBusy,
    ConceptNamedTwice,
    ConceptNeverErased,
    ConceptOfItsOwn,
    FurtherNameOnly,
    SameAsItself,
    UnknownConcept,
)
from sepme_core.registry.jobs import rows as job_rows
from sepme_core.registry.tables import Concept

Request = dict[str, Any]


def settle(session: Session, requests: Sequence[Request], holder: str) -> list[Request]:
    """Turn requests into those of the concepts that their names stand for, which jobs can store.

    A further name asks for its concept's own last request with more wordings; a concept's own request always gets the
    wordings of its further names, so that no notice is dropped by repeating the first one.

    Args:
        session: of `database.writing`, after `serialise`.
        requests: of `erasure_request`.
        holder: who asked.

    Raises:
        ConceptNamedTwice: where two of them come to the same concept.
        SameAsItself, UnknownConcept, ConceptNeverErased: where `same_as` names nothing that it can be the same as.
        FurtherNameOnly: where the name stands for another concept already.
        ConceptBusy, ConceptOfItsOwn: where the name is that of a concept which is being erased, or was.
    """
    named = [_concept(session, request, place) for place, request in enumerate(requests)]
    for place, name in enumerate(named):
        if name in named[:place]:
            raise ConceptNamedTwice(name, place)
    return [_asked(session, request, name, holder) for request, name in zip(requests, named, strict=True)]


def _concept(session: Session, request: Request, place: int) -> str:
    name, same_as = request["name"], request["same_as"]
    stands_for = further_names.concept_of(session, name)
    if same_as is None:
        return stands_for
    wanted = further_names.concept_of(session, same_as)
    if name in (same_as, wanted):
        raise SameAsItself(name, place)
    if stands_for not in (name, wanted):
        raise FurtherNameOnly(name, stands_for)
    return wanted


def _asked(session: Session, request: Request, name: str, holder: str) -> Request:
    own = {key: value for key, value in request.items() if key != "same_as"}
    if name == request["name"]:
        return further_names.worded(session, own)
    return _further(session, own, name, holder)


def _further(session: Session, request: Request, name: str, holder: str) -> Request:
    """Record the further name, and return the last request of its concept with all of its wordings."""
    concept = session.get(Concept, name, with_for_update=True, populate_existing=True)
    if concept is None:
        raise UnknownConcept(name)
    last = _last_request(session, concept)
    _give_up(session, request["name"], name)
    if further_names.record(session, request["name"], name, request["prompts"], holder):
        moved(session, concept)
    asked = {**LATER_FIELDS, **further_names.worded(session, last)}
    asked["irrevocable"] = last["irrevocable"] or request["irrevocable"]
    if asked["prompts"] == last["prompts"]:
        return asked
    # New wordings are this concept's alone, so it is no longer made together with others. Giving an overlap up, or a
    # doubt, was asked for with these wordings, and can be given up in no other way than by this request.
    asked.pop("group", None)
    return asked | {"override": last["override"] or request["override"]}


def _last_request(session: Session, concept: Concept) -> Mapping[str, Any]:
    """Return the request that the concept's version was made by, else the one under way."""
    stored = increments.current(session, concept)
    if stored is not None:
        return knowledge.whole(session, stored.request)
    live = job_rows.wanted_erasure(session, concept.name)
    if live is None:
        raise ConceptNeverErased(concept.name)
    return knowledge.whole(session, live.request)


def _give_up(session: Session, name: str, same_as: str) -> None:
    """Remove what a refused newcomer left under a name that becomes a further one; its own further names go along."""
    concept = session.get(Concept, name, with_for_update=True, populate_existing=True)
    if concept is None:
        return
    if concept.version is not None:
        raise ConceptOfItsOwn(name, same_as)
    live = job_rows.wanted_erasure(session, name)
    if live is not None:
        raise ConceptBusy(name, live.id)
    further_names.hand_over(session, name, same_as)
    session.delete(concept)
    session.flush()
