"""Refuse bodies that are too large or not JSON before anything reads them."""

from fastapi import Request
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.problems import Problem, catalogue
from app.problems.handlers import respond, too_large

LIMIT_BYTES = 1024 * 1024
"""No request needs more: a hundred concepts with a hundred prompts of a hundred letters each are one megabyte."""


class BodyMiddleware:
    """Answers 413 for a body above the limit, declared or streamed, and 415 for a body that is not JSON."""

    def __init__(self, app: ASGIApp, limit_bytes: int = LIMIT_BYTES) -> None:
        self.app = app
        self.limit_bytes = limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request, or pass it on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        declared = headers.get("content-length", "")
        problem = self._refuse(declared, headers)
        if problem is not None:
            await respond(Request(scope), problem)(scope, receive, send)
        elif declared.isdigit():  # the server holds the client to what it declared
            await self.app(scope, receive, send)
        else:
            await self._count(scope, receive, send)

    def _refuse(self, declared: str, headers: Headers) -> Problem | None:
        if declared.isdigit() and int(declared) > self.limit_bytes:
            return too_large(self.limit_bytes)
        has_body = "transfer-encoding" in headers or (declared.isdigit() and int(declared) > 0)
        if has_body and not _is_json(headers.get("content-type", "")):
            sent = headers.get("content-type") or "nothing"
            return Problem(
                catalogue.UNSUPPORTED_MEDIA_TYPE, f"The Content-Type is {sent}.", supported=["application/json"]
            )
        return None

    async def _count(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a body of unknown length on and break off where it grows too large."""
        received = 0

        async def counting() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.limit_bytes:
                raise HTTPException(413, str(self.limit_bytes))  # the one exception that FastAPI's reading lets through
            return message

        await self.app(scope, counting, send)


def _is_json(content_type: str) -> bool:
    essence = content_type.split(";", 1)[0].strip().lower()
    return essence == "application/json" or (essence.startswith("application/") and essence.endswith("+json"))
