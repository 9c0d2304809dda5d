"""Each request's id: its client's own or one made for it, on the answer, in the log, and on the jobs that it makes."""

from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sepme_core import logs

HEADER = "X-Request-Id"
_DOCUMENTED = {
    "description": "The id of the request, by which the log and its jobs tell it: the one that it was sent with in this"
    " header, if that is 1 to 128 visible ASCII characters without quotes, backslash and semicolon; else a new one.",
    "schema": {"type": "string"},
}


class RequestIdMiddleware:
    """Outermost: every answer has the id, whoever gives it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on under its id."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _of(Headers(scope=scope).getlist(HEADER))

        async def name(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        with logs.about_request(request_id):
            await self.app(scope, receive, name)


def _of(sent: list[str]) -> str:
    return sent[0] if len(sent) == 1 and logs.is_request_id(sent[0]) else logs.new_request_id()


def describe(document: dict[str, Any]) -> dict[str, Any]:
    """Say in an OpenAPI document that every answer has the id."""
    document.setdefault("components", {}).setdefault("headers", {})["RequestId"] = _DOCUMENTED
    for operations in document["paths"].values():
        for operation in operations.values():
            for response in operation["responses"].values():
                response.setdefault("headers", {})[HEADER] = {"$ref": "#/components/headers/RequestId"}
    return document
