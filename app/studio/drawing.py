"""GET /: Try. One prompt under several masks, beside each other; what stands in the page is what the calls answer."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from app.concepts import routes as concepts
from app.fields import PageQuery
from app.holders import Holder
from app.model import served_model
from app.permissions import names_of
from app.problems import Problem
from app.services import ServicesDependency
from app.studio.pages import Known, PageRoute, VisitorDependency, render
from sepme_core.documents.answers import ModelDescription
from sepme_core.registry import jobs

MOST_LISTED = 200
"""Concepts in the page; further ones are asked for by the page itself."""
TRIED_STEPS = 10
router = APIRouter(include_in_schema=False, route_class=PageRoute)


@dataclass(frozen=True)
class Choice:
    """A mask that the page offers.

    Attributes:
        name: What the page calls it by.
        title: What readers call it by.
        erased: As `POST /generate` takes it.
    """

    name: str
    title: str
    erased: Literal["active"] | Sequence[str]

    def document(self) -> dict[str, Any]:
        """As the page's script reads it."""
        return {"name": self.name, "title": self.title, "erased": self.erased}


@router.get("/")
async def show_try(
    request: Request, holder: Known, visitor: VisitorDependency, services: ServicesDependency
) -> Response:
    """The first view: draw, and see what the masks change."""
    content = await services.read(lambda session: _content(session, holder))
    return render(request, visitor, "try.html", "try", **content)


def _content(session: Session, holder: Holder) -> dict[str, Any]:
    listed = json.loads(concepts.page(session, PageQuery(limit=MOST_LISTED)))
    floor = names_of(session, holder.floor)
    model, problem = _model(session)
    locked = floor | {each["name"] for each in listed["items"] if each["irrevocable"]}
    return {
        "model": model,
        "problem": problem,
        "steps": _steps(model),
        "prompt": _prompt(model, {each["name"] for each in listed["items"] if each["state"] == "erased"}),
        "concepts": [_switch(each, locked, model) for each in listed["items"]],
        "next_cursor": listed["next_cursor"],
        "floor": sorted(floor),
        "choices": [choice.document() for choice in _choices(holder, floor)],
        "may_draw": holder.has("generate"),
        "may_choose": holder.has("mask:choose"),
        "idle": _is_idle(session, holder),
    }


def _model(session: Session) -> tuple[ModelDescription | None, Any]:
    try:
        return served_model(session), None
    except Problem as problem:
        return None, problem.document()


def _is_idle(session: Session, holder: Holder) -> bool:
    """Whether nothing waits to be drawn, of what the holder sees: then the page draws its first picture at once."""
    actor = None if holder.has("jobs:read") else holder.name
    return not jobs.page_of_texts(session, None, 1, state="queued", kind="generate", actor=actor).items


def _steps(model: ModelDescription | None) -> int:
    """Fewer than the model's own where those are many: who tries wants to see soon."""
    if model is None:
        return TRIED_STEPS
    defaults, limits = model["defaults"], model["limits"]
    least = max(limits["steps"][0], limits.get("least_steps", {}).get(defaults["scheduler"], 1))
    return min(defaults["steps"], max(TRIED_STEPS, least))


def _prompt(model: ModelDescription | None, erased: set[str]) -> str:
    """A prompt that the model is said to draw well, of what is erased where it can be: there the masks differ."""
    if model is None or not model["suggestions"]["objects"] or not model["suggestions"]["styles"]:
        return "a photograph of a cat"
    suggested = model["suggestions"]
    chosen = {
        "object": next((name for name in suggested["objects"] if name in erased), suggested["objects"][0]),
        "style": next((name for name in suggested["styles"] if name in erased), suggested["styles"][0]),
    }
    return suggested["prompt"].format(**chosen)


def _choices(holder: Holder, floor: set[str]) -> list[Choice]:
    """The masks to compare: the least that the holder may have, what is active, and, by the scope, one's own."""
    least = Choice("least", "Your key's floor", sorted(floor)) if floor else Choice("least", "Nothing erased", [])
    offered = [Choice("active", "What is active", "active")]
    if holder.floor != "active":
        offered.insert(0, least)
    if holder.has("mask:choose"):
        offered.append(Choice("chosen", "Your choice", []))
    return offered


def _switch(concept: dict[str, Any], locked: set[str], model: ModelDescription | None) -> dict[str, Any]:
    """What the page needs of a concept: whether it can be chosen, and why not."""
    another = model is not None and concept["base_digest"] not in (None, model["base_digest"])
    why = ""
    if concept["digest"] is None:
        why = "being erased" if concept["job"] else "never erased"
    elif another:
        why = "made for another model"
    elif concept["irrevocable"] and concept["state"] == "erased":
        why = "erased for good"
    elif concept["name"] in locked:
        why = "in your key's floor"
    usable = concept["digest"] is not None and not another
    on = usable and (concept["state"] == "erased" or concept["name"] in locked)
    kept = {name: concept[name] for name in ("name", "state", "version", "digest")}
    return {**kept, "why": why, "usable": usable, "on": on}
