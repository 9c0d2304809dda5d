"""A request that makes jobs: accepted once, in one transaction with its jobs, and answered with them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from time import monotonic
from typing import Annotated, cast

from fastapi import Depends, Header, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from sqlalchemy.orm import Session

from app import rate_limits
from app.headers import Preference, PreferenceDependency
from app.holders import Holder, HolderDependency
from app.jobs import retries
from app.jobs.waiting import finished_jobs, read_jobs
from app.problems import Problem, document_response
from app.services import Services, ServicesDependency
from app.storage import refuse_where_full
from sepme_core import problems
from sepme_core.canonical import digest_of
from sepme_core.documents.answers import Answer, JobDocument, ProblemDocument
from sepme_core.quotas import Quotas
from sepme_core.registry import idempotency, jobs
from sepme_core.terms import FINISHED, queue_of

RETRY_SECONDS = 1
Work = Callable[[Session], Sequence[str]]
"""What a request does in its transaction. Returns the ids of its jobs."""
Asking = Callable[[Session], Answer]
"""What a request does in its transaction whose answer is more than its jobs."""
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="For a day, the same key with the same body is the same job; another body is refused.",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        examples=["2f1c7a4e"],
    ),
]


def failure(job: JobDocument) -> ProblemDocument | None:
    """The problem of a job that did not do its work, with the path of the job; None where it did or still may."""
    link = f"/jobs/{job['id']}"
    if job["state"] == "failed":
        problem = cast("ProblemDocument", job["problem"])
        slug = str(problem["type"]).rsplit("/", 1)[-1]
        remedy = {"remedy": problems.BY_SLUG[slug].remedy} if slug in problems.BY_SLUG else {}
        return cast("ProblemDocument", {**remedy, **problem, "job": link})
    if job["state"] == "cancelled":
        by = job["cancelled_by"]
        detail = f"The job was cancelled by {by}." if by else "The job was cancelled before it was done."
        return Problem(problems.JOB_CANCELLED, detail, job=link, cancelled_by=by).document()
    return None


def job_response(job: JobDocument, preference: Preference) -> Response:
    """200 and the finished job, 202 and one under way, or the problem of a failed one that the client waited for."""
    link = f"/jobs/{job['id']}"
    problem = failure(job)
    if problem is not None and preference.wait is not None:
        return document_response(problem, instance=link, headers=preference.applied)
    if job["state"] in FINISHED:
        return JSONResponse(job, headers={"Content-Location": link, **preference.applied})
    headers = {"Location": link, "Retry-After": str(RETRY_SECONDS), **preference.applied}
    return JSONResponse(job, HTTPStatus.ACCEPTED, headers)


def jobs_response(jobs: Sequence[JobDocument], preference: Preference) -> Response:
    """The same for several jobs. Failures are one problem: its status is theirs where they agree, else 409."""
    failures = [problem for job in jobs if (problem := failure(job)) is not None]
    if any(job["state"] not in FINISHED for job in jobs):
        headers = {"Retry-After": str(RETRY_SECONDS), **preference.applied}
        return JSONResponse({"items": list(jobs)}, HTTPStatus.ACCEPTED, headers)
    if failures and preference.wait is not None:
        return document_response(_joined(failures, len(jobs)), instance="/erasures", headers=preference.applied)
    return JSONResponse({"items": list(jobs)}, headers=preference.applied)


def _joined(failures: Sequence[ProblemDocument], of: int) -> ProblemDocument:
    detail = f"{len(failures)} of {of} erasures did not succeed."
    document = Problem(problems.ERASURES_FAILED, detail, problems=list(failures)).document()
    statuses = {int(problem["status"]) for problem in failures}
    return document | {"status": statuses.pop()} if len(statuses) == 1 else document


@dataclass
class Submission:
    """One request: who sends it, under which key, and how long the client waits."""

    request: Request
    services: Services
    holder: Holder
    preference: Preference
    idempotency_key: str | None = None
    arrived: float = field(init=False, default_factory=monotonic)
    counted: retries.Try | None = field(init=False, default=None)
    waiting: list[jobs.Waiting] = field(init=False, default_factory=list)
    bounds: list[rate_limits.Bound] = field(init=False, default_factory=list)

    @property
    def actor(self) -> str:
        """By whom what this makes is."""
        return self.holder.name

    def deadline(self, seconds: float = 0) -> float:
        """Until when the client waits (`time.monotonic`): as it asked for, else `seconds` from its arrival."""
        return self.arrived + (self.preference.wait if self.preference.wait is not None else seconds)

    async def accept(self, body: BaseModel, work: Work) -> list[JobDocument]:
        """Do the work once and ring for the jobs that wait.

        Args:
            body: What is compared when the idempotency key comes again.
            work: Called in one write transaction, not at all where the key was seen with this body.

        Returns:
            The request's jobs as documents.
        """
        _, accepted = await self.accept_once(body, lambda session: {"jobs": list(work(session))})
        return accepted

    async def accept_once(self, body: BaseModel, work: Asking) -> tuple[Answer, list[JobDocument]]:
        """The same for a request whose answer is more than its jobs.

        Returns:
            What the work answered, now or when the key was seen first, and the jobs as documents.
        """
        sent = body.model_dump(mode="json")
        answer, accepted = await self.services.write(lambda session: self._accept_once(session, sent, work), self._ring)
        rate_limits.note(self.request.scope, self.waiting, self.bounds)
        return answer, accepted

    async def answer(self, accepted: Sequence[JobDocument]) -> Response:
        """The answer for one job, after the wait that was asked for."""
        (job,) = await self.wait(accepted)
        return job_response(job, self.preference)

    async def answer_all(self, accepted: Sequence[JobDocument]) -> Response:
        """The answer for several jobs, after the wait that was asked for."""
        return jobs_response(await self.wait(accepted), self.preference)

    async def wait(self, accepted: Sequence[JobDocument], seconds: float = 0) -> Sequence[JobDocument]:
        """The jobs after the wait that was asked for, or `seconds` after the request's arrival where none was."""
        deadline = self.deadline(seconds)
        if deadline <= monotonic():
            return accepted
        job_ids = [job["id"] for job in accepted]
        found = await finished_jobs(self.services, self.request, self.holder, job_ids, deadline, known=accepted)
        return await self._after_waiting(found)

    async def _after_waiting(self, found: Sequence[JobDocument]) -> Sequence[JobDocument]:
        """Pictures that nobody waits for any more are not begun; with a key they may be asked for again."""
        states = {(job["kind"], job["state"]) for job in found}
        job_ids = [job["id"] for job in found]
        if states == {("generate", "queued")} and not self.idempotency_key and await self.request.is_disconnected():
            return await self.services.write(
                lambda session: retries.call_off(session, self.holder, job_ids, self.counted)
            )
        counted = self.counted
        if states == {("generate", "succeeded")} and counted and not await self.request.is_disconnected():
            await self.services.write(lambda session: retries.answered(session, counted))
        return found

    def _ring(self, answered: tuple[Answer, list[JobDocument]]) -> None:
        """Ring for the jobs that wait, at once: an answer comes later."""
        for queue in sorted({queue_of(job["kind"]) for job in answered[1] if job["state"] == "queued"}):
            self.services.doorbell.ring(queue)

    def _accept_once(
        self, session: Session, sent: Mapping[str, object], work: Asking
    ) -> tuple[Answer, list[JobDocument]]:
        answer = self._remembered(session, sent, work)
        return answer, read_jobs(session, self.holder, answer["jobs"])

    def _admitted(self, session: Session, work: Asking) -> Answer:
        """Do the work, and take it back where there is no room for its jobs, or they are more than the key may."""
        answer = work(session)
        if jobs.enqueued(session):
            refuse_where_full(self.services.settings)
        self.waiting = jobs.admit(session, self.services.settings.queue_limit)
        self.bounds = self.services.meter.charge(session, self.holder.name, Quotas.of(self.holder.quotas))
        return answer

    def _remembered(self, session: Session, sent: Mapping[str, object], work: Asking) -> Answer:
        if self.idempotency_key is None:
            return self._tried(session, sent, work)
        key = idempotency.IdempotencyKey(self.actor, self.request.method, self.request.url.path, self.idempotency_key)
        earlier = idempotency.begin(session, key, digest_of(sent))
        if earlier is not None:
            return earlier
        answer = self._admitted(session, work)
        idempotency.complete(session, key, answer)
        return answer

    def _tried(self, session: Session, sent: Mapping[str, object], work: Asking) -> Answer:
        self.counted = retries.counted(self.request, self.actor, sent)
        if self.counted is None:
            return self._admitted(session, work)
        answer = retries.taken_up(session, self.counted)
        if answer is None:
            answer = self._admitted(session, work)
            retries.remember(session, self.counted, answer)
        return answer


async def get_submission(
    request: Request,
    services: ServicesDependency,
    holder: HolderDependency,
    preference: PreferenceDependency,
    idempotency_key: IdempotencyKey = None,
) -> Submission:
    """The request that may make jobs."""
    return Submission(request, services, holder, preference, idempotency_key)


SubmissionDependency = Annotated[Submission, Depends(get_submission)]
