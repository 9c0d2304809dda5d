"""What turns every exception of a request into a problem document."""

import json
import logging
import secrets
from asyncio import CancelledError
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.problems.problem import Problem, document_response, invalid, invalid_fields
from sepme_core import logs, problems
from sepme_core.documents.answers import OpenAIError, ProblemDocument

logger = logging.getLogger(__name__)

LIMIT_BYTES = 1024 * 1024
PICTURE_LIMIT_BYTES = 32 * 1024 * 1024
PICTURES_AT = "/inspections"
"""Where bodies are pictures."""
"""Of a body. None needs more: a hundred concepts with a hundred prompts of a hundred letters each are one megabyte."""

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def install(application: FastAPI) -> None:
    """Register the handlers. Whatever no handler knows, `IncidentMiddleware` answers."""
    application.add_exception_handler(Problem, _answer_problem)
    application.add_exception_handler(RequestValidationError, _answer_validation)
    application.add_exception_handler(HTTPException, _answer_http)
    for kind in (OperationalError, InterfaceError, PoolTimeoutError, DBAPIError):
        application.add_exception_handler(kind, answer_database)


def respond(request: Request, problem: Problem) -> Response:
    """The problem as the answer to the request."""
    document = problem.document()
    path = request.scope["path"]  # not of `url`, which cannot be had where `Host` is malformed
    if path.startswith("/v1/"):
        document["error"] = openai_error(document)
    return document_response(document, instance=path, headers=problem.headers)


def openai_error(document: ProblemDocument) -> OpenAIError:
    """The member that OpenAI's clients read, beside the problem's own members.

    Source: the error object of OpenAI's API reference (`message`, `type`, `param`, `code`).
    """
    errors = document.get("errors") or [{}]
    parameter = errors[0].get("pointer", "").removeprefix("#/").replace("/", ".") or None
    return {
        "message": f"{document['detail']} {document.get('remedy', '')}".strip(),
        "type": "invalid_request_error" if int(document["status"]) < 500 else "server_error",  # noqa: PLR2004
        "param": parameter,
        "code": str(document["type"]).rsplit("/", 1)[-1],
    }


async def _answer_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return respond(request, error)


async def _answer_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return respond(request, _malformed(str(error.body), int(first["loc"][1]), first["ctx"]["error"]))
    return respond(request, invalid(*invalid_fields(error.errors(), error.body)))


def _malformed(text: str, position: int, complaint: str) -> Problem:
    at = json.JSONDecodeError(complaint, text, position)
    return Problem(
        problems.MALFORMED_JSON,
        f"{complaint} at line {at.lineno}, column {at.colno}.",
        line=at.lineno,
        column=at.colno,
    )


async def _answer_http(request: Request, error: Exception) -> Response:
    """Starlette's own refusals: no route, no such method, a body that cannot be read."""
    assert isinstance(error, HTTPException)
    path = request.scope["path"]
    match error.status_code:
        case 404 if (known := _without_slash(request)) is not None:
            query = request.scope["query_string"].decode("latin-1")
            return RedirectResponse(known + (f"?{query}" if query else ""), HTTPStatus.PERMANENT_REDIRECT)
        case 404:
            return respond(request, Problem(problems.PATH_NOT_FOUND, f"There is nothing at {path}."))
        case 405:
            allowed = allowed_methods(request)
            detail = f"{path} does not know {request.method}; it knows {', '.join(allowed)}."
            problem = Problem(
                problems.METHOD_NOT_ALLOWED, detail, headers={"Allow": ", ".join(allowed)}, allowed=allowed
            )
            return respond(request, problem)
        case 413:
            return respond(request, too_large(limit_of(path)))
        case 400:
            return respond(request, Problem(problems.MALFORMED_JSON, "The body cannot be read as JSON in UTF-8."))
        case status:
            document = Problem(problems.HTTP_ERROR, str(error.detail)).document() | {"status": status}
            return document_response(document, instance=path, headers=error.headers)


def limit_of(path: str) -> int:
    """How many bytes a body may have."""
    return PICTURE_LIMIT_BYTES if path == PICTURES_AT else LIMIT_BYTES


def too_large(limit: int) -> Problem:
    """The problem for a body above the limit; the rest of it is not read, so the connection ends."""
    detail = f"The body is larger than {limit} bytes."
    return Problem(problems.BODY_TOO_LARGE, detail, headers={"Connection": "close"}, limit_bytes=limit)


def _without_slash(request: Request) -> str | None:
    """The path that would be known without the slash at its end, quoted; clients add one by habit."""
    path = request.scope["path"]
    shorter = {**request.scope, "path": path.rstrip("/")}
    if not path.endswith("/") or all(route.matches(shorter)[0] is Match.NONE for route in request.app.routes):
        return None
    return quote(shorter["path"])


def allowed_methods(request: Request) -> list[str]:
    """All methods the path knows; Starlette names those of the first route alone."""
    routes = request.app.routes
    return [
        method
        for method in _METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
    ]


async def answer_database(request: Request, error: Exception) -> Response:
    """Answer a lost connection or a lock as a reason to wait, and any other database error as a fault of ours."""
    return respond(request, database_problem(request.scope, error))


def database_problem(scope: Scope, error: Exception) -> Problem:
    """The same as the problem that it is."""
    lost = isinstance(error, OperationalError | InterfaceError | PoolTimeoutError)
    if not lost and not (isinstance(error, DBAPIError) and error.connection_invalidated):
        return incident(scope, error)
    logger.warning("The database is not usable: %s", getattr(error, "orig", None) or error)
    detail = "The request could not be read from or written to the database; nothing was changed."
    return Problem(problems.DATABASE_UNAVAILABLE, detail, headers={"Retry-After": "5"})


def incident(scope: Scope, error: Exception) -> Problem:
    """Log an error nobody expected under a number, and tell the caller that number alone."""
    number = secrets.token_hex(8)
    logger.error("incident %s at %s %s", number, scope.get("method"), scope.get("path"), exc_info=error)
    return Problem(problems.INTERNAL_ERROR, "An error that nobody foresaw was logged.", incident=number, **_named())


def _named() -> dict[str, Any]:
    request_id = logs.request_id()
    return {} if request_id is None else {"request_id": request_id}


class IncidentMiddleware:
    """Answers whatever no handler knew with the problem `internal-error`, once, with a number for the log."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; answer what it raises."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watch)
        except CancelledError:  # the server stops, and its grace period is over
            if not started:
                problem = Problem(problems.SERVICE_STOPPING, "The service was stopped before the answer was ready.")
                await respond(Request(scope), problem)(scope, receive, send)
            raise
        except Exception as error:
            problem = incident(scope, error)
            if started:  # half an answer is out: only a broken connection can tell the client
                raise
            await respond(Request(scope), problem)(scope, receive, send)
