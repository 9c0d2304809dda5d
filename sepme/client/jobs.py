"""Jobs: looked up, waited for, followed, cancelled."""

import math
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar, cast

from sepme.client import calls
from sepme.client.connection import Connection
from sepme.client.errors import JobsFailed, JobUnfinished, SepmeError, WaitTimeout, failure_of
from sepme.client.events import Event, follow
from sepme.client.images import Image, bound
from sepme.client.operations import Bound, C, listing, operation
from sepme.client.retrying import Absence
from sepme_core.documents.answers import JobDocument, ProgressDocument, ResultDocument
from sepme_core.documents.pictures import PictureDocument
from sepme_core.terms import FINISHED, JobKind, JobState

ROUND_SECONDS = 30
"""So long the service holds the line at once; proxies cut lines that are silent for a minute."""
LEAST_ROUND_SECONDS = 1.0
"""A service that is stopping holds no line: it is asked no more often than that."""
R = TypeVar("R")


@dataclass(frozen=True)
class Job(Bound[C], Generic[C, R]):
    """Work that was asked for, as it was when it was last looked at.

    Attributes:
        document: All that the service says of it.
    """

    document: JobDocument

    @property
    def id(self) -> str:
        """Its id."""
        return self.document["id"]

    @property
    def kind(self) -> str:
        """What it does, such as `erase` or `generate`."""
        return self.document["kind"]

    @property
    def state(self) -> str:
        """`queued`, `running`, `succeeded`, `failed` or `cancelled`."""
        return self.document["state"]

    @property
    def finished(self) -> bool:
        """Whether it has ended, well or not."""
        return self.state in FINISHED

    @property
    def progress(self) -> ProgressDocument:
        """How far it has come."""
        return self.document["progress"]

    @property
    def result(self) -> R:
        """What it ended with: the concept, the protected entry, or the pictures and their mask.

        Raises:
            JobFailed: where it failed or was cancelled.
            JobUnfinished: where it has not ended.
        """
        if failure := failure_of(self.document):
            raise failure
        if self.document["result"] is None:
            raise JobUnfinished(f"The job {self.id} is {self.state}: `job = job.wait()` gives it finished.")
        return cast("R", self.document["result"])

    @property
    def images(self) -> tuple[Image[C], ...]:
        """The pictures that it drew.

        Raises:
            JobFailed: where it failed or was cancelled.
            JobUnfinished: where it has not ended, or draws none.
        """
        result = cast("dict[str, Any]", self.result)
        if "images" not in result:
            raise JobUnfinished(f"The job {self.id} draws no pictures: its kind is {self.kind}.")
        return bound(self.connection, cast("Sequence[PictureDocument]", result["images"]))

    @operation
    async def refresh(self) -> "Job[C, R]":
        """Look at it again."""
        return replace(self, document=await looked_at(self.connection, calls.get("jobs", self.id)))

    @operation
    async def wait(self, timeout: float | None = None) -> "Job[C, R]":
        """Wait until it has succeeded.

        Args:
            timeout: Seconds to wait at most; None: however long it takes.

        Returns: it, finished.

        Raises:
            JobFailed: where it failed; `JobCancelled` where it was cancelled.
            WaitTimeout: where the time is up; the job goes on.
            SepmeError: where the service cannot be asked, for a minute and more.
        """
        return replace(self, document=await succeeded(self.connection, self.document, timeout))

    @listing
    def events(self, after: int = 0) -> AsyncIterator[Event]:
        """What happens to it, as it happens, up to its end. A line that breaks is taken up where it broke.

        Args:
            after: The `id` of the last event that is known.

        Raises:
            ConnectionLost: where it breaks again and again.
        """
        return follow(self.connection, self.id, after)

    @operation
    async def cancel(self) -> "Job[C, R]":
        """Have it cancelled: at once where it is queued, at its next step where it runs.

        Raises:
            Conflict: where it has finished.
        """
        return replace(self, document=await cancelled(self.connection, self.id))


class Jobs(Bound[C], Generic[C]):
    """`client.jobs`."""

    @operation
    async def get(self, job_id: str) -> Job[C, ResultDocument]:
        """A job by its id; a failed one is an answer like any other.

        Raises:
            NotFound: where there is none, or it is another holder's.
        """
        return Job(self.connection, await looked_at(self.connection, calls.get("jobs", job_id)))

    @listing
    async def list(
        self,
        *,
        state: JobState | None = None,
        kind: JobKind | None = None,
        concept: str | None = None,
        case: str | None = None,
        page_size: int | None = None,
    ) -> AsyncIterator[Job[C, ResultDocument]]:
        """Jobs, the newest first: one's own; with the scope `jobs:read` everybody's."""
        call = calls.get("jobs", state=state, kind=kind, concept=concept, case=case)
        async for document in self.connection.items(call, page_size, JobDocument):
            yield Job(self.connection, document)

    @operation
    async def cancel(self, job_id: str) -> Job[C, ResultDocument]:
        """Have a job cancelled: at once where it is queued, at its next step where it runs.

        Raises:
            NotFound, Conflict: where there is none, or it has finished.
        """
        return Job(self.connection, await cancelled(self.connection, job_id))


async def looked_at(connection: Connection, call: calls.Call) -> JobDocument:
    """A job as it is."""
    return await connection.document(call, JobDocument)


async def cancelled(connection: Connection, job_id: str) -> JobDocument:
    """A job that is to be cancelled."""
    return await connection.document(calls.make("jobs", job_id, "cancel"), JobDocument)


async def ended(connection: Connection, document: JobDocument, timeout: float | None) -> JobDocument:
    """Wait until a job has ended, well or not.

    A service that is away for a while is waited for.

    Raises:
        WaitTimeout: where the time is up.
    """
    until = math.inf if timeout is None else time.monotonic() + timeout
    absence = Absence(connection.retries)
    while document["state"] not in FINISHED:
        began = time.monotonic()
        if began >= until:
            raise WaitTimeout(document, timeout or 0.0)
        try:
            document = await _one_round(connection, document["id"], until - began)
        except SepmeError as error:
            seconds = absence.after(error)
            if seconds is None:
                raise
            await connection.pause(max(0.0, min(seconds, until - time.monotonic())))
            continue
        absence.is_over()
        if document["state"] not in FINISHED:
            rest = min(LEAST_ROUND_SECONDS, until - began) - (time.monotonic() - began)
            await connection.pause(max(rest, 0.0))
    return document


async def _one_round(connection: Connection, job_id: str, left: float) -> JobDocument:
    """A job after it has ended, or after a while."""
    call, seconds = calls.get("jobs", job_id), int(min(left, ROUND_SECONDS))
    if seconds == 0:
        await connection.pause(left)
        return await looked_at(connection, call)
    usual = connection.http.timeout.read
    headers = {"Prefer": f"wait={seconds}"}
    return await looked_at(
        connection, replace(call, headers=headers, read_seconds=None if usual is None else usual + seconds)
    )


async def succeeded(connection: Connection, document: JobDocument, timeout: float | None) -> JobDocument:
    """Wait until a job has succeeded.

    Raises:
        JobFailed, WaitTimeout: where it did not.
    """
    document = await ended(connection, document, timeout)
    if failure := failure_of(document):
        raise failure
    return document


async def all_succeeded(
    connection: Connection, documents: Sequence[JobDocument], timeout: float | None
) -> Sequence[JobDocument]:
    """Wait until all jobs of one request have ended.

    Raises:
        JobsFailed: where some failed.
        WaitTimeout: where the time is up.
    """
    until = math.inf if timeout is None else time.monotonic() + timeout
    found = []
    for document in documents:
        left = None if timeout is None else max(until - time.monotonic(), 0.0)
        found.append(await ended(connection, document, left))
    if failures := [failure for document in found if (failure := failure_of(document))]:
        raise JobsFailed(failures, found)
    return found
