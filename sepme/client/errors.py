"""What goes wrong for whoever calls the service: problems it answers with, jobs that fail, and lines that break."""

from collections.abc import Mapping, Sequence
from typing import Any

from sepme_core.documents.answers import FieldProblem, JobDocument, ProblemDocument


class SepmeError(Exception):
    """Anything that this client raises by itself."""

    def __reduce__(self) -> tuple[Any, ...]:
        """How it crosses to another process: as it is, since `__init__` takes what the message was made of."""
        return _made_again, (type(self), self.args, self.__dict__)


def _made_again(kind: type[SepmeError], said: tuple[Any, ...], members: Mapping[str, Any]) -> SepmeError:
    error = kind.__new__(kind)
    error.args = said
    error.__dict__.update(members)
    return error


class InvalidArgument(SepmeError, ValueError):
    """An address, a key or a name that no request can be made of."""


class TransportError(SepmeError):
    """There is no answer.

    Attributes:
        may_have_arrived: Whether the service may have done what it was asked.
    """

    may_have_arrived: bool = True


class CannotReach(TransportError):
    """Nobody answers at the address; nothing was asked."""

    may_have_arrived = False


class AnswerTimeout(TransportError, TimeoutError):
    """The answer did not come in time. It may come to pass all the same."""


class ConnectionLost(TransportError):
    """The connection broke before the answer was whole. What was asked may have been done."""


class UnexpectedAnswer(SepmeError):
    """What answers is not this service as it should be: a redirect, or a body of another kind.

    Attributes:
        status: The HTTP status.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class ProblemError(SepmeError):
    """Something was refused or has failed, and a problem document (RFC 9457) says why.

    Attributes:
        problem: The whole document, with the members of its type.
    """

    def __init__(self, problem: ProblemDocument) -> None:
        self.problem = problem
        super().__init__(self._message())

    @property
    def type(self) -> str:
        """Which kind of problem: a path of the service, or `about:blank` where it is not one of its own."""
        return self.problem["type"]

    @property
    def slug(self) -> str:
        """The last part of `type`, as in `concept-not-found`; docs/problems.md lists them."""
        return self.type.rsplit("/", 1)[-1]

    @property
    def status(self) -> int:
        """The HTTP status."""
        return int(self.problem["status"])

    @property
    def title(self) -> str:
        """The kind in words."""
        return self.problem["title"]

    @property
    def detail(self) -> str:
        """What is wrong this time."""
        return self.problem["detail"]

    @property
    def remedy(self) -> str | None:
        """What can be done about it."""
        return self.problem.get("remedy")

    @property
    def errors(self) -> Sequence[FieldProblem]:
        """The fields that do not fit."""
        return self.problem.get("errors", [])

    def _message(self) -> str:
        said = [f"{self.title} ({self.status}): {self.detail}"]
        if len(self.errors) > 1:  # a single one stands in the detail
            said += [
                f"{field.get('pointer') or field.get('name', '')}: {field.get('detail')}." for field in self.errors
            ]
        return " ".join([*said, self.remedy] if self.remedy else said)


class APIError(ProblemError):
    """The service refused a request. The classes below are by its status.

    Attributes:
        request_id: By which the service's log tells the request, if it said so.
        retry_after: Seconds until it is worth asking again, if it said so.
    """

    def __init__(
        self, problem: ProblemDocument, *, request_id: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(problem)
        self.request_id = request_id
        self.retry_after = retry_after


class BadRequest(APIError):
    """400: it cannot be read."""


class Unauthorized(APIError):
    """401: a key is missing, or not good."""


class Forbidden(APIError):
    """403: the key is not good for this."""


class NotFound(APIError):
    """404: there is no such thing, or it is another holder's."""


class Conflict(APIError):
    """409: things are in another state than the request needs."""


class Gone(APIError):
    """410: its bytes are no longer kept."""


class PreconditionFailed(APIError):
    """412: it has changed since its tag was read."""


class TooLarge(APIError):
    """413: the body is too large."""


class Unprocessable(APIError):
    """422: fields do not fit; `errors` names them."""


class TooManyRequests(APIError):
    """429: a quota or the queue is full; `retry_after` says for how long."""


class ServerError(APIError):
    """5xx: the service cannot do it at present."""


class ServiceUnavailable(ServerError):
    """503: it is not ready, or is stopping."""


BY_STATUS: Mapping[int, type[APIError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    412: PreconditionFailed,
    413: TooLarge,
    422: Unprocessable,
    429: TooManyRequests,
    503: ServiceUnavailable,
}
FIRST_OF_SERVER = 500


def of_status(status: int) -> type[APIError]:
    """The class for an HTTP status."""
    return BY_STATUS.get(status, ServerError if status >= FIRST_OF_SERVER else APIError)


class JobFailed(ProblemError):
    """A job that was waited for failed.

    Attributes:
        job: It, as it ended; None where its problem alone was answered.
        job_id: Its id.
    """

    def __init__(self, problem: ProblemDocument, job_id: str, job: JobDocument | None = None) -> None:
        super().__init__(problem)
        self.job_id = job_id
        self.job = job


class JobCancelled(JobFailed):
    """A job that was waited for was cancelled."""


class JobsFailed(SepmeError):
    """Some of the jobs of one request failed.

    Attributes:
        failures: What each of those failed with.
        jobs: All of them, as they ended.
    """

    def __init__(self, failures: Sequence[JobFailed], jobs: Sequence[JobDocument]) -> None:
        said = " ".join(f"{failure.job and failure.job['concept']}: {failure}" for failure in failures)
        super().__init__(f"{len(failures)} of {len(jobs)} jobs failed. {said}")
        self.failures = failures
        self.jobs = jobs


class JobUnfinished(SepmeError):
    """The job has no result yet, or none of this kind."""


class NotReplayable(SepmeError):
    """The picture was drawn to look at an erasure, not for a request that could be sent again."""


class WaitTimeout(SepmeError, TimeoutError):
    """A job did not end within the time that was given to it. It goes on.

    Attributes:
        job: It, as it was last seen.
    """

    def __init__(self, job: JobDocument, seconds: float) -> None:
        super().__init__(f"The job {job['id']} is {job['state']} after {seconds:g} seconds; it goes on.")
        self.job = job


def failure_of(job: JobDocument) -> JobFailed | None:
    """What a job failed with; None where it succeeded or still may."""
    if job["state"] == "failed" and job["problem"] is not None:
        return JobFailed(job["problem"], job["id"], job)
    if job["state"] == "cancelled":
        by = job.get("cancelled_by")
        problem: ProblemDocument = {
            "type": "/problems/job-cancelled",
            "title": "The job was cancelled",
            "status": 409,
            "detail": f"It was cancelled by {by}." if by else "It was cancelled before it was done.",
            "remedy": "Send the request again if the work is still wanted.",
        }
        return JobCancelled(problem, job["id"], job)
    return None
