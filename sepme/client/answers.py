"""What an answer says, or the error that it stands for."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Generic, NotRequired, TypedDict, TypeVar, cast

import httpx

from sepme.client.calls import Call
from sepme.client.errors import (
    AnswerTimeout,
    CannotReach,
    ConnectionLost,
    JobFailed,
    ProblemError,
    TransportError,
    UnexpectedAnswer,
    of_status,
)
from sepme.client.retrying import retry_after
from sepme_core.documents.answers import ProblemDocument

PROBLEM_TYPE = "application/problem+json"
CHECK_THE_ADDRESS = "Check the address (SEPME_URL), and proxies on the way."
D = TypeVar("D")


class Page(TypedDict, Generic[D]):
    """One page of a listing."""

    items: list[D]
    next_cursor: NotRequired[str | None]


@dataclass(frozen=True)
class Download:
    """A file that was fetched.

    Attributes:
        content: Its bytes.
        name: What the service calls it.
    """

    content: bytes
    name: str

    def save(self, path: str | Path) -> Path:
        """Write it to a file, over what is there; returns where it is."""
        place = Path(path)
        place.write_bytes(self.content)
        return place


def error_of(response: httpx.Response) -> ProblemError | UnexpectedAnswer | None:
    """The error that an answer stands for, whose body was read; None where it is what was asked for."""
    if response.is_success:
        return None
    if not response.is_error:
        return _redirected(response)
    problem = _problem(response)
    job = str(problem.get("job", ""))
    if job.startswith("/jobs/"):
        return JobFailed(problem, job.removeprefix("/jobs/"))
    return of_status(response.status_code)(
        problem, request_id=response.headers.get("X-Request-Id"), retry_after=retry_after(response)
    )


def document_of(response: httpx.Response, kind: type[D]) -> D:
    """The JSON object of an answer.

    Raises:
        UnexpectedAnswer: where there is none.
    """
    document = _json(response)
    if not isinstance(document, dict):
        said = f"{_told(response)} is no {kind.__name__}, but {_media_type(response)}. {CHECK_THE_ADDRESS}"
        raise UnexpectedAnswer(said, response.status_code)
    return cast("D", document)


def items_of(response: httpx.Response, kind: type[D]) -> Page[D]:
    """One page of a listing of such documents.

    Raises:
        UnexpectedAnswer: where it is none.
    """
    page = document_of(response, Page)
    if not isinstance(page.get("items"), list):
        said = f"{_told(response)} is no list of {kind.__name__}. {CHECK_THE_ADDRESS}"
        raise UnexpectedAnswer(said, response.status_code)
    return cast("Page[D]", page)


def download_of(response: httpx.Response, name: str) -> Download:
    """The file of an answer, under the name that the answer gives it, else `name`."""
    _, _, quoted = response.headers.get("Content-Disposition", "").partition('filename="')
    said = quoted.partition('"')[0]
    return Download(response.content, Path(said).name or name)


def failure_of(call: Call, address: str, error: httpx.TransportError) -> TransportError:
    """What a request without an answer is called here."""
    where = f"{call.method} {address}{call.path}"
    why = str(error) or type(error).__name__
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout | httpx.ProxyError):
        return CannotReach(f"Nobody answers at {address} ({why}). Is the service up? {CHECK_THE_ADDRESS}")
    if isinstance(error, httpx.TimeoutException):
        return AnswerTimeout(f"{where} was not answered in time ({why}). It may be done all the same.")
    return ConnectionLost(f"{where}: the connection broke before the answer was whole ({why}).")


def _redirected(response: httpx.Response) -> UnexpectedAnswer:
    where = response.headers.get("Location", "nowhere")
    said = f"{_told(response)} is a redirect to {where}, which is not followed. Use the service's own address."
    return UnexpectedAnswer(said, response.status_code)


def _problem(response: httpx.Response) -> ProblemDocument:
    """The problem document of an answer, or one for whatever stands there instead."""
    document = _json(response)
    if isinstance(document, dict) and {"type", "title", "detail"} <= document.keys():
        return cast("ProblemDocument", {"status": response.status_code, **document})
    return {
        "type": "about:blank",
        "title": _phrase(response.status_code),
        "status": response.status_code,
        "detail": f"{_told(response)} is no problem document, but {_media_type(response)}: not this service wrote it.",
        "remedy": CHECK_THE_ADDRESS,
    }


def _json(response: httpx.Response) -> Mapping[str, Any] | list[Any] | None:
    try:
        return cast("Mapping[str, Any]", response.json())
    except ValueError:
        return None


def _told(response: httpx.Response) -> str:
    return f"The answer {response.status_code} to {response.request.method} {response.request.url}"


def _media_type(response: httpx.Response) -> str:
    return response.headers.get("Content-Type", "").partition(";")[0] or "of no media type"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Refused"
