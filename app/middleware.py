"""What every request passes on its way in, and every answer on its way out.

Which hosts are answered for, pages from elsewhere, bodies that are too large or no JSON, HEAD wherever there is GET,
the headers that every response has, and what is counted and timed.
"""

import re
from ipaddress import IPv6Address
from time import perf_counter

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.metrics import Measures
from app.problems import Problem
from app.problems.handlers import (
    LIMIT_BYTES,
    PICTURE_LIMIT_BYTES,
    PICTURES_AT,
    limit_of,
    respond,
    too_large,
)
from sepme_core import problems
from sepme_core.addresses import canonical, is_loopback, is_network
from sepme_core.settings import Settings

_AUTHORITY = re.compile(r"(?:\[([0-9a-f:.]+)]|([a-z0-9._~!$&'()*+,;=%-]+))(?::[0-9]{0,5})?", re.ASCII | re.IGNORECASE)
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""Of a page that has its style within and neither scripts nor forms (W3C, Content Security Policy)."""
_DEFAULTS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
NO_ROUTE = "none"


class HostMiddleware:
    """Answers 421 where `Host` names a host that is not served, and 400 where it names none.

    A page elsewhere may have its own name resolve to this machine (DNS rebinding): its browser then takes the service
    for a part of that page and shows it every answer. Such requests carry the page's name in `Host`.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.served = settings.served_hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request, or pass it on."""
        problem = self._refuse(scope) if scope["type"] == "http" else None
        if problem is not None:
            await respond(Request(scope), problem)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _refuse(self, scope: Scope) -> Problem | None:
        named = Headers(scope=scope).get("host")
        if named is None:  # HTTP/1.0; every browser names a host
            return None
        host = host_of(named)
        if host is None:
            return Problem(problems.MALFORMED_REQUEST, f"The header Host holds no host: {named!r}.")
        if host in self.served or is_loopback(host) or _is_own_address(host, scope):
            return None
        return Problem(problems.HOST_NOT_SERVED, f"This service does not answer for {host!r}.", host=host)


def host_of(authority: str) -> str | None:
    """The host of `host:port` (RFC 3986, section 3.2.2), in lower case and without brackets; None where it has none."""
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        return None
    if match[1] is None:
        return canonical(match[2])
    try:
        return str(IPv6Address(match[1]))
    except ValueError:
        return None


def root_of(request: Request) -> str:
    """Where a client reaches the service, with a slash at the end: as the operator says, else as it asked."""
    settings: Settings = request.app.state.services.settings
    return f"{settings.public_url}/" if settings.public_url else str(request.base_url)


def _is_own_address(host: str, scope: Scope) -> bool:
    """Whether it is the very address that the connection came in at: an address, unlike a name, is nobody else's."""
    address = (scope.get("server") or ("",))[0]
    return host == canonical(address) and is_network(host)


class CrossOriginMiddleware:
    """Answers 403 where a request that may change something was sent by a page of another site.

    Until the first key is made the machine itself may change things without one. A browser there reaches the service
    on behalf of any page it shows, and a POST without a body needs no permission. Browsers say where such requests
    come from; other clients say nothing and are let through.
    """

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
        return Problem(problems.MALFORMED_REQUEST, f"The header Origin holds no origin: {origin!r}.")
    if is_from_elsewhere(headers):
        return Problem(problems.CROSS_ORIGIN, "A page of another site made a browser send this.")
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


class BodyMiddleware:
    """Answers 413 for a body above the limit, declared or arriving, and 415 for one that is not JSON, or no picture.

    What a client declares decides only whether it is refused at once. Starlette's own limit counts what really arrives,
    whatever was declared: of `Content-Length: 5` beside `Transfer-Encoding: chunked` the second holds (RFC 9112, 6.3).
    """

    def __init__(self, app: ASGIApp) -> None:
        self.limited = {limit: RequestBodyLimitMiddleware(app, limit) for limit in (LIMIT_BYTES, PICTURE_LIMIT_BYTES)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request, or pass it on."""
        limit = limit_of(scope.get("path", ""))
        problem = self._refuse(scope, limit) if scope["type"] == "http" else None
        if problem is not None:
            await respond(Request(scope), problem)(scope, receive, send)
            return
        await self.limited[limit](scope, receive, send)

    def _refuse(self, scope: Scope, limit: int) -> Problem | None:
        headers = Headers(scope=scope)
        declared = headers.get("content-length", "")  # Starlette would refuse this one too, but in plain text
        if declared.isdigit() and int(declared) > limit:
            return too_large(limit)
        has_body = "transfer-encoding" in headers or (declared.isdigit() and int(declared) > 0)
        supported = PNG if scope["path"] == PICTURES_AT else JSON
        if has_body and not _is(supported, headers.get("content-type", "")):
            sent = headers.get("content-type") or "nothing"
            remedy = f"Send the header `Content-Type: {supported}`."
            detail = f"The Content-Type is {sent}."
            return Problem(problems.UNSUPPORTED_MEDIA_TYPE, detail, remedy=remedy, supported=[supported])
        return None


PNG, JSON = "image/png", "application/json"


def _is(supported: str, content_type: str) -> bool:
    essence = content_type.split(";", 1)[0].strip().lower()
    return essence == supported or (
        supported == JSON and essence.startswith("application/") and essence.endswith("+json")
    )


class HeadMiddleware:
    """Lets the application answer HEAD as it would GET, and keeps the body back. Streams have no end, so not theirs."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http" or scope["method"] != "HEAD" or scope["path"].endswith("/events"):
            await self.app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self.app({**scope, "method": "GET"}, receive, without_body)


class HeadersMiddleware:
    """Sets the headers that a response does not have yet."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and complete the headers of its answer."""

        async def complete(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _DEFAULTS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, complete)


class MetricsMiddleware:
    """Outermost, so that refused and failed requests count as well."""

    def __init__(self, app: ASGIApp, measures: Measures) -> None:
        self.app = app
        self.measures = measures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and count its answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 500

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        started = perf_counter()
        try:
            with self.measures.requests_in_flight.track_inprogress():
                await self.app(scope, receive, watch)
        finally:
            method = scope["method"] if scope["method"] in _METHODS else "other"
            route = getattr(scope.get("route"), "path", None) or NO_ROUTE
            self.measures.requests.labels(method, route, str(status)).inc()
            self.measures.request_seconds.labels(method, route).observe(perf_counter() - started)
