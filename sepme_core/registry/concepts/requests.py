"""What a request to erase asks, with its defaults filled in, and of which concept: one thing, one concept."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy.orm import Session

from sepme_core.documents.requests import AskedErasure, ErasureDocument, ErasureRequestDocument, NewErasure
from sepme_core.registry import further_names, increments, knowledge
from sepme_core.registry.concepts.reading import moved
from sepme_core.registry.errors import (
    ConceptBusy,
    ConceptNamedTwice,
    ConceptNeverErased,
    ConceptOfItsOwn,
    FurtherNameOnly,
    SameAsItself,
    UnknownConcept,
)
from sepme_core.registry.grounds import Grounds, of_request
from sepme_core.registry.jobs import rows as job_rows
from sepme_core.registry.tables import Concept
from sepme_core.terms import is_slug

LATER_FIELDS: Mapping[str, Any] = {"substitute": None}
"""What requests did not say from the beginning, and what they meant."""
UNSTORED = ("same_as", "case", "reason")
"""What a request says beside what is to be made."""


def erasure_request(body: AskedErasure) -> NewErasure:
    """Fill in the defaults of an erase body; `name` must be there, the rest may be.

    `same_as` says where the request belongs, `case` and `reason` on what grounds it is made; none of them is part of
    the request that a job stores: see `settle`.

    Raises:
        ValueError: where `name` is not 1–64 of `a-z 0-9 -` that start and end with a letter or digit.
    """
    name = body["name"]
    if not is_slug(name):
        raise ValueError(f"{name!r} is not a name: 1-64 of a-z, 0-9 and -, first and last a letter or digit")
    return {
        "name": name,
        "same_as": body.get("same_as"),
        "kind": body.get("kind") or "other",
        "prompts": list(body.get("prompts") or [name.replace("-", " ")]),
        "protect": list(body.get("protect") or []),
        "substitute": body.get("substitute"),
        "irrevocable": bool(body.get("irrevocable", False)),
        "override": bool(body.get("override", False)),
        "options": dict(body.get("options") or {}),
        "case": body.get("case"),
        "reason": body.get("reason"),
    }


def joined(requests: Sequence[ErasureRequestDocument]) -> list[ErasureRequestDocument]:
    """Return the requests of one group: each holds all of them, by name, since they are optimised together.

    Raises:
        ValueError: where one request alone is no group.
    """
    if len(requests) < 2:  # noqa: PLR2004  (the least that can be joined)
        raise ValueError("a joint erasure needs two concepts at least")
    alone = [
        cast("ErasureDocument", {key: value for key, value in request.items() if key != "group"})
        for request in requests
    ]
    group = sorted(alone, key=lambda request: str(request["name"]))
    return [{**request, "group": group} for request in alone]


def same(request: ErasureRequestDocument, other: ErasureRequestDocument) -> bool:
    """Tell whether two requests ask for the same, whichever release stored them."""
    return _complete(request) == _complete(other)


def _complete(request: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in what requests stored by earlier releases do not say."""
    complete = {**LATER_FIELDS, **request}
    if "group" in request:
        complete["group"] = [_complete(member) for member in request["group"]]
    return complete


def making(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a request that decides the increment's bytes: all but whether it may be given back."""
    part = {key: value for key, value in _complete(request).items() if key not in ("irrevocable", "group")}
    if "group" in request:
        part["group"] = [making(member) for member in request["group"]]
    return part


def settle(session: Session, requests: Sequence[NewErasure], actor: str) -> list[ErasureRequestDocument]:
    """Turn requests into those of the concepts that their names stand for, which jobs can store.

    A further name asks for its concept's own last request with more wordings; a concept's own request always gets the
    wordings of its further names, so that no notice is dropped by repeating the first one.

    Args:
        session: of `database.writing`, after `serialise`.
        requests: of `erasure_request`.
        actor: who asked.

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
    return [_asked(session, request, name, actor) for request, name in zip(requests, named, strict=True)]


def _concept(session: Session, request: NewErasure, place: int) -> str:
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


def _asked(session: Session, request: NewErasure, name: str, actor: str) -> ErasureRequestDocument:
    own = cast("ErasureRequestDocument", {key: value for key, value in request.items() if key not in UNSTORED})
    if name == request["name"]:
        return further_names.worded(session, own)
    return _further(session, own, name, actor, of_request(request))


def _further(
    session: Session, request: ErasureRequestDocument, name: str, actor: str, grounds: Grounds
) -> ErasureRequestDocument:
    """Record the further name, and return the last request of its concept with all of its wordings."""
    concept = session.get(Concept, name, with_for_update=True, populate_existing=True)
    if concept is None:
        raise UnknownConcept(name)
    last = _last_request(session, concept)
    _give_up(session, request["name"], name)
    if further_names.record(session, request["name"], name, request["prompts"], actor, grounds):
        moved(session, concept)
    asked = cast("ErasureRequestDocument", {**LATER_FIELDS, **further_names.worded(session, last)})
    asked["irrevocable"] = last["irrevocable"] or request["irrevocable"]
    if asked["prompts"] == last["prompts"]:
        return asked
    # New wordings are this concept's alone, so it is no longer made together with others. Giving an overlap up, or a
    # doubt, was asked for with these wordings, and can be given up in no other way than by this request.
    asked.pop("group", None)
    return asked | {"override": last["override"] or request["override"]}


def _last_request(session: Session, concept: Concept) -> ErasureRequestDocument:
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
