"""Who asks: the holder of the key that a request was sent with, and which scope each route needs.

While no key was ever made, requests from this machine alone are answered, and may do everything.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Depends, Request
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.problems import Problem
from app.problems.handlers import database_problem, respond
from app.services import Services
from sepme_core import problems, terms
from sepme_core.addresses import is_loopback
from sepme_core.registry import key_secrets, keys
from sepme_core.registry.tables import Key

ANONYMOUS = "anonymous"
FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
"""Whoever sends one of these passes on somebody else's request, from wherever that came."""

PAGES = frozenset(
    {
        ("GET", "/"),
        ("GET", "/studio/concepts"),
        ("GET", "/studio/concepts/{name}"),
        ("GET", "/studio/jobs"),
        ("GET", "/studio/audit"),
        ("GET", "/studio/keys"),
    }
)
"""Pages of the studio. Anybody gets the frame; what stands in it is for a holder, by the scopes of the API's calls."""

OPEN = PAGES | frozenset(
    {
        ("GET", "/studio/static/{digest}/{name}"),
        ("GET", "/docs"),
        ("GET", "/openapi.json"),
        ("GET", "/livez"),
        ("GET", "/readyz"),
        ("GET", "/problems"),
        ("GET", "/problems/{slug}"),
    }
)
"""What is answered to anybody: pages that say what this is, and whether it lives."""

NEEDED: Mapping[tuple[str, str], terms.Scope | None] = {
    ("GET", "/concepts"): None,
    ("GET", "/concepts/{name}"): None,
    ("GET", "/concepts/{name}/versions/{version}"): None,
    ("POST", "/concepts/{name}/preview"): "concepts:write",
    ("GET", "/concepts/{name}/lora"): "files:read",
    ("GET", "/concepts/{name}/attestation"): "evidence:read",
    ("GET", "/concepts/{name}/bundle"): "evidence:read",
    ("POST", "/concepts/{name}/erase"): "concepts:write",
    ("DELETE", "/concepts/{name}"): "concepts:write",
    ("POST", "/erasures"): "concepts:write",
    ("POST", "/erasures/again"): "concepts:write",
    ("GET", "/protected"): None,
    ("GET", "/protected/{name}"): None,
    ("PUT", "/protected/{name}"): "protected:write",
    ("DELETE", "/protected/{name}"): "protected:write",
    ("POST", "/generate"): "generate",
    ("POST", "/v1/images/generations"): "generate",
    ("GET", "/jobs"): None,
    ("GET", "/jobs/{job_id}"): None,
    ("GET", "/jobs/{job_id}/events"): None,
    ("POST", "/jobs/{job_id}/cancel"): None,
    ("GET", "/images/{image_id}"): None,
    ("GET", "/images/{image_id}/bundle"): "evidence:read",
    ("POST", "/inspections"): None,
    ("GET", "/model"): None,
    ("GET", "/v1/models"): None,
    ("GET", "/v1/models/{model_id}"): None,
    ("GET", "/audit"): "audit:read",
    ("GET", "/metrics"): "metrics:read",
    ("GET", "/keys"): "admin",
    ("POST", "/keys"): "admin",
    ("GET", "/keys/{name}"): "admin",
    ("DELETE", "/keys/{name}"): "admin",
    ("POST", "/keys/{name}/rotate"): "admin",
    ("GET", "/webhooks"): "admin",
    ("POST", "/webhooks"): "admin",
    ("GET", "/webhooks/{name}"): "admin",
    ("DELETE", "/webhooks/{name}"): "admin",
    ("POST", "/webhooks/{name}/test"): "admin",
    ("POST", "/webhooks/{name}/enable"): "admin",
    ("POST", "/webhooks/{name}/rotate"): "admin",
}
"""The scope that a route needs; None: any key will do, and sees its own. What is not listed is for `admin`."""


@dataclass(frozen=True)
class Holder:
    """Who asks, and what for at the most.

    Attributes:
        name: The key's name; everything made with it belongs to that.
        scopes: What the key is good for.
        floor: What its pictures can never lack.
        quotas: Bounds on what it asks for.
    """

    name: str
    scopes: frozenset[str]
    floor: terms.Floor
    quotas: Mapping[str, Any] = field(default_factory=dict)

    def has(self, scope: str) -> bool:
        """Whether the key is good for this; `admin` is for everything."""
        return scope in self.scopes or "admin" in self.scopes


EVERYBODY = Holder(ANONYMOUS, frozenset(terms.SCOPES), "none")
"""Who asks where there are no keys."""


class HolderMiddleware:
    """Finds out who asks before anything of the request is read; 401 where that cannot be told."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self.app = app
        self.services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its holder, or refuse it."""
        if scope["type"] != "http" or _is_open(scope["path"]):
            await self.app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        try:
            state["holder"] = await self._holder(scope)
        except (Problem, SQLAlchemyError) as error:
            problem = error if isinstance(error, Problem) else database_problem(scope, error)
            if not _is_page(scope["path"]):
                await respond(Request(scope), problem)(scope, receive, send)
                return
            state["refused"] = problem
        await self.app(scope, receive, send)

    async def _holder(self, scope: Scope) -> Holder:
        sent = Headers(scope=scope).getlist("authorization")
        here = _is_from_this_machine(scope)
        found, stale = await self.services.read(lambda session: self._found(session, sent, here))
        if found is None:
            return EVERYBODY
        if stale:
            await self.services.write(lambda session: keys.note_use(session, found.id))
        return Holder(found.name, frozenset(found.scopes), found.floor, found.quotas)

    def _found(self, session: Session, sent: list[str], here: bool) -> tuple[Key | None, bool]:
        """The key, and whether it was long not written that it is used; None where nobody needs one, which some send.

        Raises:
            Problem: `key-missing`, `key-invalid`.
        """
        if not keys.any_made(session):
            if here:
                return None, False
            raise _unauthorised(problems.KEY_MISSING, "No key was made yet, so this machine alone is answered.")
        if not sent:
            raise _unauthorised(problems.KEY_MISSING, "The request has no key.")
        key = keys.told(session, _bearer(sent), self._pepper())
        if key is None:
            raise _unauthorised(problems.KEY_INVALID, "The service knows no such key.")
        ended = keys.ended(session, key)
        if ended is not None:
            raise _unauthorised(problems.KEY_INVALID, f"The key {key.name!r} is {ended}.")
        stale = keys.is_use_stale(session, key)
        session.expunge(key)
        return key, stale

    def _pepper(self) -> bytes:
        try:
            return key_secrets.read_pepper(self.services.settings.keys_pepper)
        except key_secrets.PepperUnusable as reason:
            raise Problem(problems.STORAGE_UNUSABLE, f"Keys cannot be told: {reason}.") from reason


def _is_open(path: str) -> bool:
    if path.startswith(("/problems/", "/studio/static/")):
        return True
    return ("GET", path) in OPEN and not _is_page(path)


def _is_page(path: str) -> bool:
    """Whether it is one of the studio, which says itself who is missing what."""
    return path == "/" or path.startswith("/studio/")


def _is_from_this_machine(scope: Scope) -> bool:
    """Whether the client is on it itself, and not a proxy that passes on what came from elsewhere."""
    client = (scope.get("client") or ("",))[0]
    headers = Headers(scope=scope)
    return (not client or is_loopback(client)) and not any(name in headers for name in FORWARDED)


def _bearer(sent: list[str]) -> str:
    scheme, _, text = sent[0].partition(" ")
    if len(sent) > 1 or scheme.lower() != "bearer" or not text.strip():
        raise _unauthorised(problems.KEY_INVALID, "The header Authorization must be `Bearer`, a space and the key.")
    return text.strip()


def _unauthorised(kind: problems.ProblemType, detail: str) -> Problem:
    """RFC 6750, section 3: the challenge says what went wrong, where a key was sent."""
    error = ', error="invalid_token"' if kind is problems.KEY_INVALID else ""
    return Problem(kind, detail, headers={"WWW-Authenticate": f'Bearer realm="sepme"{error}'})


async def get_holder(request: Request) -> Holder:
    """Who asks."""
    holder: Holder = request.state.holder
    return holder


HolderDependency = Annotated[Holder, Depends(get_holder)]


async def get_actor(holder: HolderDependency) -> str:
    """The name of who asks: jobs, pictures, idempotency keys and audit entries are by it."""
    return holder.name


Actor = Annotated[str, Depends(get_actor)]


def documented(path: str) -> str:
    """A route's path as the OpenAPI document has it: without the converters of its parameters."""
    return re.sub(r":\w+}", "}", path)


async def check_scope(request: Request) -> None:
    """Refuse what the key is not good for. Every route has this.

    Raises:
        Problem: `scope-missing`.
    """
    route = (request.method, documented(request.scope["route"].path))
    if route in OPEN:
        return
    check_route(await get_holder(request), route)


def check_route(holder: Holder, route: tuple[str, str]) -> None:
    """Refuse a holder whose key is not good for a route.

    Raises:
        Problem: `scope-missing`.
    """
    needed = NEEDED.get(route, "admin")
    if needed is not None:
        refuse_without(holder, needed)


def may_use(holder: Holder, route: tuple[str, str]) -> bool:
    """Whether a holder's key is good for a route."""
    needed = NEEDED.get(route, "admin")
    return needed is None or holder.has(needed)


def refuse_without(holder: Holder, scope: terms.Scope, what: str = "This") -> None:
    """Refuse a holder whose key is not good for something.

    Raises:
        Problem: `scope-missing`.
    """
    if not holder.has(scope):
        detail = f"{what} needs the scope `{scope}`, which the key {holder.name!r} does not have."
        raise Problem(problems.SCOPE_MISSING, detail, needed=[scope], scopes=sorted(holder.scopes))


def describe(document: dict[str, Any]) -> dict[str, Any]:
    """Say in an OpenAPI document how a key is sent, and which scope each operation needs."""
    scheme = {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": f"{key_secrets.PREFIX}_…",
        "description": "A key. Until the first one is made the service's own machine needs none.",
    }
    document.setdefault("components", {})["securitySchemes"] = {"key": scheme}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            route = (method.upper(), path)
            needed = NEEDED.get(route, "admin")
            operation["security"] = [] if route in OPEN else [{"key": [needed] if needed else []}]
    return document
