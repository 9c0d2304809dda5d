"""GET /studio/concepts and /studio/concepts/{name}: what is erased, what bears it out, what can be done about it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from app.concepts import routes as concepts
from app.fields import PageQuery, SlugInPath
from app.holders import Holder
from app.services import ServicesDependency
from app.studio.certificates import figures, sentences
from app.studio.leaks import leak_map, touched
from app.studio.pages import Known, PageRoute, Visitor, VisitorDependency, render
from sepme_core.registry import concepts as registry
from sepme_core.registry import jobs, protected
from sepme_core.terms import KINDS

router = APIRouter(include_in_schema=False, route_class=PageRoute)
SHOWN_PROTECTED = 50
MEANINGS = {
    "erased": "Pictures under the active mask lack it, from the moment it was erased.",
    "restored": "It is drawn again: the active mask leaves its increment out. The increment is kept, so that erasing "
    "it once more by the same request takes no time.",
    "never-erased": "No increment of it was made yet, so it is drawn like anything else.",
}
REASONS = {
    "erased": "trained for a request",
    "reprojected": "made to leave alone what came later",
    "refined": "made to leave alone what came later, and trained further",
    "substituted": "trained again, since what it drew instead was erased",
}


@dataclass(frozen=True)
class Pair:
    """A prompt and seed drawn without the increment and with it."""

    prompt: str
    seed: int
    before: str | None
    after: str


@router.get("/studio/concepts")
async def show_concepts(
    request: Request,
    holder: Known,
    visitor: VisitorDependency,
    services: ServicesDependency,
    query: Annotated[PageQuery, Query()],
) -> Response:
    """The concepts, who touches whom, and the room that is left."""
    content = await services.read(lambda session: _listing(session, query))
    return render(request, visitor, "concepts.html", "concepts", kinds=KINDS, holder=holder, query=query, **content)


def _listing(session: Session, query: PageQuery) -> dict[str, Any]:
    listed = json.loads(concepts.page(session, query))
    entries = protected.list_page(session, None, SHOWN_PROTECTED)
    return {
        "concepts": listed["items"],
        "next_cursor": listed["next_cursor"],
        "capacity": listed["capacity"],
        "map": leak_map(listed["items"]),
        "protected": [protected.document(each) for each in entries.items],
        "more_protected": entries.next_cursor is not None,
    }


@router.get("/studio/concepts/{name}")
async def show_concept(
    request: Request, name: SlugInPath, holder: Known, visitor: VisitorDependency, services: ServicesDependency
) -> Response:
    """One concept: what its state means, its certificate, its pictures, its versions."""
    content = await services.read(lambda session: _content(session, holder, name))
    shows_evidence = _shows_evidence(visitor, content["concept"])
    return render(
        request,
        visitor,
        "concept.html",
        "concepts",
        kinds=KINDS,
        shows_evidence=shows_evidence,
        holder=holder,
        **content,
    )


def _content(session: Session, holder: Holder, name: str) -> dict[str, Any]:
    concept = json.loads(registry.text(session, name).text)
    certificate = concept["certificate"] or {}
    return {
        "concept": concept,
        "asked_as": name,
        "meaning": MEANINGS[concept["state"]],
        "reasons": REASONS,
        "certificate": certificate,
        "sentences": sentences(certificate),
        "figures": figures(certificate),
        "pairs": pairs(certificate.get("pictures") or []),
        "touched": touched(certificate),
        **_last_erasure(session, holder, concept["name"]),
    }


def pairs(pictures: Sequence[Mapping[str, Any]]) -> list[Pair]:
    """Pictures of a certificate by prompt and seed: without the increment, and with it."""
    before = {(each["prompt"], each["seed"]): each["id"] for each in pictures if not each["erased"]}
    return [
        Pair(each["prompt"], each["seed"], before.get((each["prompt"], each["seed"])), each["id"])
        for each in pictures
        if each["erased"]
    ]


def _shows_evidence(visitor: Visitor, concept: Mapping[str, Any]) -> bool:
    """Whether the visitor may see its pictures: those of what is erased for good are for `admin`."""
    holder = visitor.holder
    return holder is not None and holder.has("admin" if concept["irrevocable"] else "evidence:read")


def _last_erasure(session: Session, holder: Holder, name: str) -> dict[str, Any]:
    """By what its last erasure was asked for, and its problem where it failed; neither where the holder sees no job."""
    actor = None if holder.has("jobs:read") else holder.name
    last = jobs.page_of_texts(session, None, 1, concept=name, kind="erase", actor=actor).items
    if not last:
        return {"asked": None, "failed": None}
    found = json.loads(last[0].text)
    return {"asked": found["request"], "failed": found["problem"] if found["state"] == "failed" else None}
