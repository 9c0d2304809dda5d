"""How many jobs may wait and how many more fit, on every answer of the routes that take them; and quotas of keys.

The fields of draft-ietf-httpapi-ratelimit-headers. The policy of how many wait at once has no window; what is left is
said where the request was admitted or refused by it, since nothing else has counted. So is what a key may.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sepme_core.registry.jobs import Waiting
from sepme_core.settings import Settings

POLICY, LEFT = "RateLimit-Policy", "RateLimit"
QUEUES: Mapping[tuple[str, str], str] = {
    ("POST", "/concepts/{name}/erase"): "erase",
    ("POST", "/erasures"): "erase",
    ("POST", "/erasures/again"): "erase",
    ("PUT", "/protected/{name}"): "erase",
    ("POST", "/generate"): "generate",
    ("POST", "/v1/images/generations"): "generate",
}
"""The routes that take jobs, and the queue they wait in."""

_DOCUMENTED = {
    POLICY: {
        "description": "How many jobs may wait at once in the queue, as in "
        '`"waiting-erase";q=1000;qu="concurrent-requests"` (draft-ietf-httpapi-ratelimit-headers); and the quotas of '
        'the key that were counted: `"waiting"`, `"pictures"` in 60 seconds, `"erasures"` in 86400.',
        "schema": {"type": "string"},
    },
    LEFT: {
        "description": 'How many more may come, as in `"waiting-erase";r=997`; in a 429, `t` is in how many seconds '
        "there is room. Left out where the request made no job and none was refused.",
        "schema": {"type": "string"},
    },
}


@dataclass(frozen=True)
class Bound:
    """What is left of a key's quota.

    Attributes:
        name: What it is of.
        limit: How much there is in the window, or at once.
        left: How much more may come now.
        window_seconds: None where it is of how many there are at once.
    """

    name: str
    limit: int
    left: int
    window_seconds: int | None = None

    @property
    def policy(self) -> str:
        """How much there is, and in which time."""
        unit = 'qu="concurrent-requests"' if self.window_seconds is None else f"w={self.window_seconds}"
        return f'"{self.name}";q={self.limit};{unit}'

    def remaining(self, seconds: int | None = None) -> str:
        """How much is left, and in how many seconds there is enough where there is not now."""
        until = "" if seconds is None else f";t={seconds}"
        return f'"{self.name}";r={self.left}{until}'


def policy(queue: str, limit: int) -> str:
    """The bound on those that wait in a queue."""
    return Bound(f"waiting-{queue}", limit, limit).policy


def left(waiting: Waiting, seconds: int | None = None) -> str:
    """How many more fit in a queue, and in how many seconds there is room where there is none now."""
    fit = max(waiting.limit - waiting.waiting, 0)
    return Bound(f"waiting-{waiting.queue}", waiting.limit, fit).remaining(seconds)


def note(scope: Scope, counted: Sequence[Waiting], bounds: Sequence[Bound] = ()) -> None:
    """Remember for the answer to a request what was counted when it was admitted."""
    scope.setdefault("state", {}).update(waiting=list(counted), bounds=list(bounds))


class RateLimitMiddleware:
    """Sets the fields of an answer that does not have them yet."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.limit = settings.queue_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and complete the headers of its answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = scope.setdefault("state", {})

        async def complete(message: Message) -> None:
            queue = QUEUES.get((scope["method"], getattr(scope.get("route"), "path", "")))
            if message["type"] == "http.response.start" and queue is not None:
                headers = MutableHeaders(scope=message)
                bounds: Sequence[Bound] = state.get("bounds", ())
                headers.setdefault(POLICY, ", ".join([policy(queue, self.limit), *(each.policy for each in bounds)]))
                said = [*map(left, state.get("waiting", ())), *(each.remaining() for each in bounds)]
                if said:
                    headers.setdefault(LEFT, ", ".join(said))
            await send(message)

        await self.app(scope, receive, complete)


def describe(document: dict[str, Any]) -> dict[str, Any]:
    """Say in an OpenAPI document which answers have the fields."""
    for method, path in QUEUES:
        for response in document["paths"][path][method.lower()]["responses"].values():
            response["headers"] = {**response.get("headers", {}), **_DOCUMENTED}
    return document
