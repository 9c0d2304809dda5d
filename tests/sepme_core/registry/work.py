"""What the tests of the registry have workers and operators do."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar, cast

from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from sepme_core.canonical import digest_of_bytes
from sepme_core.documents.certificates import Certificate
from sepme_core.documents.pictures import PictureRecordDocument
from sepme_core.documents.requests import PictureRequestDocument, PinnedMask
from sepme_core.registry import concepts, jobs, knowledge, serving
from sepme_core.registry.database import reading, writing
from sepme_core.registry.images import PictureRecord
from sepme_core.registry.jobs import Claim, Job, StoredIncrement
from sepme_core.registry.tables import Concept
from sepme_core.registry.types import database_time

BASE = digest_of_bytes(b"base")
OTHER_BASE = digest_of_bytes(b"another base")
PROMPT_TOKENS = 14
HOLDER = "operator"

Result = TypeVar("Result")


def announce(engine: Engine, base_digest: str = BASE) -> None:
    with writing(engine) as session:
        description: Any = {"name": "demo", "base_digest": base_digest, "limits": {"prompt_tokens": PROMPT_TOKENS}}
        serving.announce_model(session, description)


def accept(engine: Engine, name: str, **body: Any) -> concepts.Accepted:
    asked: Any = {"name": name, **body}
    with writing(engine) as session:
        accepted = concepts.accept_erasure(session, asked, HOLDER)
        knowledge.unfold(session, [accepted.job])
        return accepted


def claim(engine: Engine, job_id: str, worker: str = "worker-1", lease_seconds: float = 30.0) -> Claim | None:
    with writing(engine) as session:
        return jobs.claim(session, job_id, worker=worker, lease_seconds=lease_seconds)


def claimed(engine: Engine, job_id: str, worker: str = "worker-1", lease_seconds: float = 30.0) -> Claim:
    held = claim(engine, job_id, worker, lease_seconds)
    assert held is not None
    return held


def stored(content: str, base_digest: str = BASE, **changes: Any) -> StoredIncrement:
    """An increment whose bytes are `content`, as a worker has stored it."""
    made = StoredIncrement(
        digest=digest_of_bytes(content.encode()),
        bytes=1000,
        base_digest=base_digest,
        reason="erased",
        certificate=cast("Certificate", {"correlation": 0.01}),
        settings={"seed": 0, "variant": "sepme"},
    )
    return replace(made, **changes)


def publish(engine: Engine, held: Claim, content: str = "", base_digest: str = BASE, **changes: Any) -> bool:
    """Publish an increment whose bytes are `content`, or the concept's name, held against all that there is by now."""
    with writing(engine) as session:
        made = stored(content or str(held.concept), base_digest, **changes)
        considered = session.scalars(select(Concept.name)).all()
        outcome = jobs.publish_erasure(session, held, made, considered=considered)
    assert not isinstance(outcome, jobs.Overtaken)
    return outcome is not None


def publish_reprojection(engine: Engine, held: Claim, content: str) -> bool:
    """Publish a re-projected increment whose bytes are `content`."""
    with writing(engine) as session:
        return jobs.publish_reprojection(session, held, stored(content, reason="reprojected"))


def erase(engine: Engine, name: str, **body: Any) -> Job:
    """Do all that it takes to erase a concept, on a base that is served; returns the finished job."""
    announce(engine)
    job = accept(engine, name, **body).job
    assert publish(engine, claimed(engine, job.id))
    return get_job(engine, job.id)


def restore(engine: Engine, name: str, if_match: str | None = None) -> concepts.Concept:
    with writing(engine) as session:
        return concepts.restore(session, name, HOLDER, if_match)


def purge(engine: Engine, name: str, if_match: str | None = None) -> concepts.Concept:
    with writing(engine) as session:
        return concepts.purge(session, name, HOLDER, if_match)


def get_job(engine: Engine, job_id: str) -> Job:
    with reading(engine) as session:
        job = jobs.get(session, job_id)
        knowledge.unfold(session, [job])
        return job


def listed_jobs(session: Session, **wanted: str) -> list[Job]:
    """The rows of the jobs that a list names, youngest first."""
    return [jobs.get(session, each.id) for each in jobs.page_of_texts(session, None, 50, **wanted).items]


def get_concept(engine: Engine, name: str) -> Any:
    with reading(engine) as session:
        return concepts.document(session, concepts.get(session, name))


def get_etag(engine: Engine, name: str) -> str:
    with reading(engine) as session:
        return concepts.etag(concepts.get(session, name))


def enqueue_generation(engine: Engine, **pinned: Any) -> Job:
    return enqueue_generation_for(HOLDER, engine, pinned)


def enqueue_generation_for(holder: str, engine: Engine, pinned: Mapping[str, Any] | None = None) -> Job:
    time.sleep(0.002)  # SQLite's clock tells milliseconds: what comes within one has no order
    with writing(engine) as session:
        return jobs.enqueue(
            session,
            kind="generate",
            request=cast("PictureRequestDocument", {"prompt": "a cat"}),
            pinned=cast("PinnedMask", pinned or {}),
            concept=None,
            actor=holder,
        )


def picture(seed: int) -> PictureRecord:
    return PictureRecord(
        digest=digest_of_bytes(f"png {seed}".encode()),
        bytes=4321,
        sha256=digest_of_bytes(f"pixels {seed}".encode()),
        seed=seed,
        width=64,
        height=64,
        record=cast("PictureRecordDocument", {"prompt": "a cat", "seed": seed, "guidance_scale": 7.5}),
    )


def let_lease_run_out(engine: Engine, job_id: str) -> None:
    """Move the end of the lease into the past, as if the worker had said nothing for that long."""
    with writing(engine) as session:
        session.execute(update(Job).where(Job.id == job_id).values(lease_until=database_time(-0.5)))


def at_once(*actions: Callable[[], Result]) -> list[Result | Exception]:
    """Run actions in threads that start together; gives what each returned or raised."""
    barrier = threading.Barrier(len(actions))
    outcomes: list[Result | Exception] = [RuntimeError("did not run")] * len(actions)

    def run(position: int, action: Callable[[], Result]) -> None:
        barrier.wait()
        try:
            outcomes[position] = action()
        except Exception as failure:  # noqa: BLE001  (the test looks at it)
            outcomes[position] = failure

    threads = [threading.Thread(target=run, args=numbered) for numbered in enumerate(actions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes
