"""One thing, one concept: the further names under which it was asked to be erased, each with its wordings."""

from collections.abc import Iterable
from typing import TypeVar, cast

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from sepme_core.documents.answers import FurtherNameDocument
from sepme_core.documents.requests import ErasureDocument, ErasureRequestDocument
from sepme_core.registry import audit
from sepme_core.registry.grounds import UNSTATED, Grounds
from sepme_core.registry.tables import FurtherName
from sepme_core.registry.types import timestamp


def concept_of(session: Session, name: str) -> str:
    """Return the name of the concept that a name stands for: its own, unless it is a further one."""
    further = session.get(FurtherName, name)
    return name if further is None else further.concept


def resolved(session: Session, names: Iterable[str]) -> dict[str, str]:
    """Return the concept that each name stands for, by the name."""
    asked = list(names)
    found = select(FurtherName.name, FurtherName.concept).where(FurtherName.name.in_(asked))
    further = {row.name: row.concept for row in session.execute(found)}
    return {name: further.get(name, name) for name in asked}


_OF_CONCEPTS = (
    select(FurtherName).where(FurtherName.concept.in_(bindparam("names", expanding=True))).order_by(FurtherName.name)
)


def by_concept(session: Session, concepts: Iterable[str]) -> dict[str, list[FurtherName]]:
    """Return the further names of each of these concepts, by name."""
    found: dict[str, list[FurtherName]] = {concept: [] for concept in concepts}
    for further in session.scalars(_OF_CONCEPTS, {"names": list(found)}):
        found[further.concept].append(further)
    return found


def record(
    session: Session, name: str, concept: str, prompts: list[str], actor: str, grounds: Grounds = UNSTATED
) -> bool:
    """Write down that a name stands for a concept, and how the thing is said; returns whether that says anything new.

    What was recorded before is kept: one notice does not take back another.
    """
    further = session.get(FurtherName, name)
    before = [] if further is None else further.prompts
    said = [prompt for prompt in dict.fromkeys(prompts) if prompt not in before]
    if further is None:
        session.add(FurtherName(name=name, concept=concept, prompts=said, actor=actor))
    elif said:
        further.prompts = [*before, *said]
    else:
        return False
    session.flush()
    details = {"name": name, "prompts": said}
    audit.append(session, actor, "further-name", concept, details=details, grounds=grounds)
    return True


def hand_over(session: Session, before: str, concept: str) -> None:
    """Let the further names of a concept that is given up stand for another one."""
    for further in by_concept(session, [before])[before]:
        further.concept = concept
    session.flush()


def withdraw(session: Session, further: FurtherName, actor: str, grounds: Grounds = UNSTATED) -> None:
    """Forget a further name; its wordings stay in what was made with them."""
    details = {"name": further.name, "prompts": further.prompts}
    audit.append(session, actor, "withdraw-further-name", further.concept, details=details, grounds=grounds)
    session.delete(further)
    session.flush()


Erasure = TypeVar("Erasure", bound=ErasureDocument)


def worded(session: Session, request: ErasureRequestDocument) -> ErasureRequestDocument:
    """Return a request with the wordings of its concept's further names, and so each of those made together with it."""
    members = request.get("group", [])
    further = by_concept(session, {request["name"], *(member["name"] for member in members)})

    def complete(body: Erasure) -> Erasure:
        said = dict.fromkeys(prompt for each in further[body["name"]] for prompt in each.prompts)
        prompts = [*body["prompts"], *(prompt for prompt in said if prompt not in body["prompts"])]
        return cast("Erasure", {**body, "prompts": prompts})

    together: ErasureRequestDocument = complete(request)
    return together | ({"group": [complete(member) for member in members]} if members else {})


def document(further: FurtherName) -> FurtherNameDocument:
    """Return the name as it is listed on its concept."""
    return {"name": further.name, "prompts": further.prompts, "created_at": timestamp(further.created_at)}
