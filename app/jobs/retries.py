"""Requests that a client sends again by itself, without a key: the second takes up the work of the first.

OpenAI's clients give up after a time and try again, twice by default, and count it (`X-Stainless-Retry-Count`, 0 at
first). What a try began is remembered under its body and where it came from, so that the next one finds it.

An answer that was sent whole is taken for received. Where it is lost behind that, in a proxy, the next try is a new
request unless the client sends an `Idempotency-Key`: remembered for longer, the answer would be given to whoever asks
for the same anew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi import Request
from sqlalchemy.orm import Session

from app.holders import Holder
from app.jobs.waiting import read_jobs
from sepme_core.canonical import digest_of
from sepme_core.documents.answers import Answer, JobDocument
from sepme_core.registry import idempotency, jobs
from sepme_core.registry.idempotency import IdempotencyKey

COUNT = "x-stainless-retry-count"
GONE = "its client, which hung up before it was begun"


@dataclass(frozen=True)
class Try:
    """One try of a request: what the tries of it have in common, and which one it is."""

    key: IdempotencyKey
    body_digest: str
    number: int


def counted(request: Request, actor: str, sent: Mapping[str, object]) -> Try | None:
    """The try that a request is, None where its client does not count them."""
    count = request.headers.get(COUNT, "")
    if not (count.isascii() and count.isdigit() and len(count) < 4):  # noqa: PLR2004  (no client tries a thousand times)
        return None
    digest = digest_of(sent)
    origin = request.client.host if request.client else ""
    # A key of this form cannot come in a header: those hold no space.
    key = IdempotencyKey(actor, request.method, request.scope["path"], f"tries {origin} {digest}")
    return Try(key, digest, int(count))


def taken_up(session: Session, this: Try) -> Answer | None:
    """What an earlier try began, which this one waits for from now on; None where there is none."""
    earlier = idempotency.last_answer(session, this.key)
    if earlier is None or this.number <= earlier["try"]:
        return None
    remember(session, this, earlier)
    return earlier


def remember(session: Session, this: Try, answer: Answer) -> None:
    """Let later tries find what this one began, or waits for."""
    idempotency.replace(session, this.key, this.body_digest, {**answer, "try": this.number})


def answered(session: Session, this: Try) -> None:
    """Forget the tries: the same request is a new one from now on."""
    idempotency.drop(session, this.key)


def call_off(session: Session, holder: Holder, job_ids: Sequence[str], this: Try | None) -> list[JobDocument]:
    """Cancel the jobs, as far as no worker has them, whose client has gone; not where a later try waits for them."""
    last = idempotency.last_answer(session, this.key) if this else None
    if this is None or last is None or last["try"] == this.number or last["jobs"] != job_ids:
        for job_id in job_ids:
            jobs.cancel_unclaimed(session, job_id, GONE)
    documents = read_jobs(session, holder, job_ids)
    if this and last and last["jobs"] == job_ids and all(each["cancelled_by"] == GONE for each in documents):
        idempotency.drop(session, this.key)
    return documents
