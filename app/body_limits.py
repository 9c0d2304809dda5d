"""Refuse bodies that are too large or not JSON before anything reads them.

What a client declares decides only whether it is refused at once. Starlette's own limit counts what really arrives,
whatever was declared: of `Content-Length: 5` beside `Transfer-Encoding: chunked` the second holds (RFC 9112, 6.3).
"""

from fastapi import Request
from starlette.datastructures import Headers
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from app.problems import Problem, catalogue
from app.problems.handlers import LIMIT_BYTES, respond, too_large


class BodyMiddleware:
    """Answers 413 for a body above the limit, declared or arriving, and 415 for a body that is not JSON."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = RequestBodyLimitMiddleware(app, LIMIT_BYTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request, or pass it on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        problem = self._refuse(Headers(scope=scope))
        if problem is not None:
            await respond(Request(scope), problem)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _refuse(self, headers: Headers) -> Problem | None:
        declared = headers.get("content-length", "")
        if declared.isdigit() and int(declared) > LIMIT_BYTES:
            return too_large()
        has_body = "transfer-encoding" in headers or (declared.isdigit() and int(declared) > 0)
        if has_body and not _is_json(headers.get("content-type", "")):
            sent = headers.get("content-type") or "nothing"
            return Problem(
                catalogue.UNSUPPORTED_MEDIA_TYPE, f"The Content-Type is {sent}.", supported=["application/json"]
            )
        return None


def _is_json(content_type: str) -> bool:
    essence = content_type.split(";", 1)[0].strip().lower()
    return essence == "application/json" or (essence.startswith("application/") and essence.endswith("+json"))
