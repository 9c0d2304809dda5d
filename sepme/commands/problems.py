"""A problem (RFC 9457) as it is said on a terminal, and the exit status that it ends with."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from sepme.commands.endings import SERVICE, USAGE

BUSY = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
KEYLESS = HTTPStatus.UNAUTHORIZED
HAVE_A_KEY = "sepme takes the key from --key-file, SEPME_KEY or a profile."


def said(problem: Mapping[str, Any]) -> str:
    """What is wrong, which fields, and what helps: title, detail, errors and remedy."""
    return "\n".join(_lines(problem))


def status_of(problem: Mapping[str, Any]) -> int:
    """The exit status: 3 where the service fails or is too busy, 2 where it refuses what was asked."""
    status = int(problem.get("status", 0))
    return SERVICE if status in BUSY or status >= HTTPStatus.INTERNAL_SERVER_ERROR else USAGE


def _lines(problem: Mapping[str, Any]) -> Iterator[str]:
    yield f"{problem['title']}: {problem['detail']}"
    for field in problem.get("errors", []):
        if field.get("detail", "") in problem["detail"]:
            continue
        where = field.get("pointer") or field.get("name") or field.get("location", "request")
        yield f"  {where}: {field.get('detail')}"
    if problem.get("remedy"):
        yield f"  {problem['remedy']}"
    if problem.get("status") == KEYLESS:
        yield f"  {HAVE_A_KEY}"
    if problem.get("request_id") and problem.get("status", 0) >= HTTPStatus.INTERNAL_SERVER_ERROR:
        yield f"  The service's log has it under {problem['request_id']}."
