"""Jobs in the registry, for tests of the worker that need a row to hold."""

import secrets
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from sepme_core.registry import concepts, jobs, knowledge
from sepme_core.registry.database import reading, writing
from sepme_core.registry.tables import AuditEntry, Event, Increment, Job
from sepme_core.registry.types import database_time

CAT: Mapping[str, object] = {"kind": "object", "substitute": "heart"}
"""The body by which `worker_with_cat` has the cat erased: hearts are drawn instead."""


def accepted_erasure(engine: Engine, name: str = "cat", **body: object) -> str:
    """The id of a job to erase a concept, as the front end accepts it."""
    asked: Any = {"name": name, "kind": "object", **body}
    with writing(engine) as session:
        return concepts.accept_erasure(session, asked, "tests").job.id


def claimed(engine: Engine, job_id: str, lease_seconds: float = 8.0) -> jobs.Claim:
    """A claim on the job that must be there to be had."""
    with writing(engine) as session:
        claim = jobs.claim(session, job_id, worker=f"worker-{secrets.token_hex(4)}", lease_seconds=lease_seconds)
    assert claim is not None
    return claim


def run_out(engine: Engine, job_id: str) -> None:
    """Let the lease of a job run out now, as if its worker had hung."""
    with writing(engine) as session:
        session.execute(update(Job).where(Job.id == job_id).values(lease_until=database_time(-1.0)))


def row(engine: Engine, job_id: str) -> Job:
    """The job as it stands."""
    with reading(engine) as session:
        job = jobs.get(session, job_id)
        knowledge.unfold(session, [job])
        return job


def problem(engine: Engine, job_id: str) -> dict[str, Any]:
    """What a job that must have failed was refused for, `type` without its folder."""
    job = row(engine, job_id)
    assert job.state == "failed", (job.state, job.result)
    assert job.problem is not None
    return {**job.problem, "type": job.problem["type"].removeprefix("/problems/")}


def audited(engine: Engine, *actions: str) -> list[AuditEntry]:
    """The audit entries of these actions in their order."""
    with reading(engine) as session:
        wanted = select(AuditEntry).where(AuditEntry.action.in_(actions)).order_by(AuditEntry.sequence)
        return list(session.scalars(wanted))


def events(engine: Engine, job_id: str) -> list[Event]:
    """All that was reported of the job."""
    with reading(engine) as session:
        return jobs.events_after(session, job_id, 0)


def versions(engine: Engine, concept: str) -> list[Increment]:
    """The concept's versions in their order."""
    with reading(engine) as session:
        found = _versions(session, concept)
        knowledge.unfold(session, found)
        return found


def _versions(session: Session, concept: str) -> list[Increment]:
    ordered = select(Increment).where(Increment.concept == concept).order_by(Increment.version)
    return list(session.scalars(ordered))
