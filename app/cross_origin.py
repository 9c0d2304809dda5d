"""Refuse what a page from elsewhere makes a browser send.

There are no keys yet: whoever reaches the service may change things. A browser on the same machine reaches it on behalf
of any page it shows, and a POST without a body needs no permission. Browsers say where such requests come from; other
clients say nothing and are let through.
"""

from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.problems import Problem, catalogue
from app.problems.handlers import respond

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class CrossOriginMiddleware:
    """Answers 403 where a request that may change something was sent by a page of another site."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request, or pass it on."""
        if scope["type"] == "http" and scope["method"] not in _SAFE and is_from_elsewhere(Headers(scope=scope)):
            detail = "A page of another site made a browser send this."
            await respond(Request(scope), Problem(catalogue.CROSS_ORIGIN, detail))(scope, receive, send)
            return
        await self.app(scope, receive, send)


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
    return urlsplit(origin).hostname != urlsplit(f"//{headers.get('host', '')}").hostname
