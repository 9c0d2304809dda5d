"""Re-projections as the tests of them find and do them."""

from typing import Any, cast

from sqlalchemy import Engine, select

from sepme_core.documents.answers import ProblemDocument
from sepme_core.registry import jobs, knowledge, protected
from sepme_core.registry.database import reading, writing
from sepme_core.registry.jobs import Claim, Job
from sepme_core.registry.tables import Increment
from tests.sepme_core.registry.work import HOLDER, claimed, publish_reprojection


def live(engine: Engine, name: str) -> Job | None:
    with reading(engine) as session:
        found = select(Job).where(Job.kind == "reproject", Job.concept == name, Job.state.in_(jobs.LIVE_STATES))
        job = session.scalars(found).one_or_none()
        knowledge.unfold(session, [job] if job else [])
        return job


def due(engine: Engine, name: str) -> Job:
    job = live(engine, name)
    assert job is not None
    return job


def hold(engine: Engine, name: str) -> Claim:
    return claimed(engine, due(engine, name).id)


def reprojected(engine: Engine, name: str, content: str) -> None:
    assert publish_reprojection(engine, hold(engine, name), content)


def versions(engine: Engine, name: str) -> list[Increment]:
    with reading(engine) as session:
        found = select(Increment).where(Increment.concept == name).order_by(Increment.version)
        increments = list(session.scalars(found))
        knowledge.unfold(session, increments)
        return increments


def known_names(pinned: Any) -> list[str]:
    return [known["name"] for known in pinned["known"]]


def protect(engine: Engine, name: str, *prompts: str) -> None:
    with writing(engine) as session:
        protected.put(session, name, list(prompts), HOLDER)


def look(engine: Engine) -> None:
    with writing(engine) as session:
        jobs.enqueue_reprojections(session)


def fail(engine: Engine, held: Claim, kind: str = "effect-lost", status: int = 409) -> None:
    with writing(engine) as session:
        assert jobs.fail(session, held, cast("ProblemDocument", {"type": f"/problems/{kind}", "status": status}))
