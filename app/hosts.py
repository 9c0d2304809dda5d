"""Which hosts this service answers for: requests that name another are refused, reading ones included.

A page elsewhere may have its own name resolve to this machine (DNS rebinding): its browser then takes the service for a
part of that page and shows it every answer. Such requests carry the page's name in `Host`.
"""

import re
from ipaddress import IPv6Address

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.problems import Problem, catalogue
from app.problems.handlers import respond
from sepme_core.addresses import canonical, is_loopback, is_network
from sepme_core.settings import Settings

_AUTHORITY = re.compile(r"(?:\[([0-9a-f:.]+)]|([a-z0-9._~!$&'()*+,;=%-]+))(?::[0-9]{0,5})?", re.ASCII | re.IGNORECASE)


class HostMiddleware:
    """Answers 421 where `Host` names a host that is not served, and 400 where it names none."""

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
            return Problem(catalogue.MALFORMED_REQUEST, f"The header Host holds no host: {named!r}.")
        if host in self.served or is_loopback(host) or _is_own_address(host, scope):
            return None
        return Problem(catalogue.HOST_NOT_SERVED, f"This service does not answer for {host!r}.", host=host)


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
