"""Refuse what a page from elsewhere makes a browser send.

There are no keys yet: whoever reaches the service may change things. A browser on the same machine reaches it on behalf
of any page it shows, and a POST without a body needs no permission. Browsers say where such requests come from; other
clients say nothing and are let through. What `Host` may be is the business of `app.hosts`.
"""

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.hosts import host_of
from app.problems import Problem, catalogue
from app.problems.handlers import respond

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class CrossOriginMiddleware:
    """Answers 403 where a request that may change something was sent by a page of another site."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request, or pass it on."""
        changing = scope["type"] == "http" and scope["method"] not in _SAFE
        problem = _refuse(Headers(scope=scope)) if changing else None
        if problem is not None:
            await respond(Request(scope), problem)(scope, receive, send)
            return
        await self.app(scope, receive, send)


def _refuse(headers: Headers) -> Problem | None:
    origin = headers.get("origin")
    if origin not in (None, "null") and _host_of_origin(str(origin)) is None:
        return Problem(catalogue.MALFORMED_REQUEST, f"The header Origin holds no origin: {origin!r}.")
    if is_from_elsewhere(headers):
        return Problem(catalogue.CROSS_ORIGIN, "A page of another site made a browser send this.")
    return None


def is_from_elsewhere(headers: Headers) -> bool:
    """Whether a browser says that the request is not of this service's own pages.

    `Sec-Fetch-Site` (W3C, Fetch Metadata) where there is one, else `Origin` (RFC 6454) against `Host`: by their names
    alone, since proxies drop ports.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    if origin is None:
        return False
    return origin == "null" or _host_of_origin(origin) != host_of(headers.get("host", ""))


def _host_of_origin(origin: str) -> str | None:
    """The host of `scheme://host:port`; None where it is something else."""
    scheme, separator, authority = origin.partition("://")
    return host_of(authority) if scheme and separator else None
