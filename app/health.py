"""GET /livez, GET /readyz, GET /metrics: whether the process lives, and what of its surroundings is up."""

from typing import Annotated, Literal

from anyio import to_thread
from fastapi import APIRouter, Header, Query
from fastapi.responses import JSONResponse, Response
from prometheus_client.exposition import choose_encoder
from pydantic import BaseModel, Field
from sqlalchemy.exc import SQLAlchemyError

from app import storage
from app.problems import Problem
from app.problems.problem import PROBLEM_RESPONSE
from app.services import Services, ServicesDependency
from sepme_core import problems
from sepme_core.registry import audit_heads, database, serving
from sepme_core.terms import QUEUES

router = APIRouter(tags=["health"], responses=PROBLEM_RESPONSE)
RETRY_SECONDS = 5


class Life(BaseModel):
    """The process answers."""

    status: Literal["up"] = "up"


class Part(BaseModel):
    """One part of the surroundings."""

    status: Literal["up", "degraded", "down"]
    detail: str


class Readiness(BaseModel):
    """What is up. Only the database decides whether requests can be taken: without the others they wait as rows."""

    status: Literal["ready", "degraded", "unusable"]
    database: Part = Field(description="Degraded: it answers, and nothing can be written at present.")
    broker: Part = Field(description="Degraded: workers hear of jobs once it is back; rows wait.")
    workers: dict[str, Part] = Field(description="By queue: `erase`, `generate`.")
    model: Part = Field(description="Degraded: no worker has announced a model yet.")
    storage: Part = Field(description="Degraded: too little room is left, so new work is refused.")
    audit: Part | None = Field(
        default=None, description="With `?full`. Down: the chain of the audit was changed, or its end cut off."
    )


@router.get("/livez")
async def get_life() -> Life:
    """Whether the process answers; nothing else is looked at."""
    return Life()


@router.get("/readyz", response_model=Readiness)
async def get_readiness(
    services: ServicesDependency,
    full: Annotated[
        Literal["", "true", "false"],
        Query(description="Present, or true: walk the audit's whole chain too, which takes longer the more there is."),
    ] = "false",
) -> Response:
    """What is up. 503 where the database is not usable: a problem with the same members."""
    found = await readiness(services, full=full != "false")
    if found.status == "unusable":
        members = found.model_dump(exclude={"status"}, exclude_none=True)
        headers = {"Retry-After": str(RETRY_SECONDS)}
        raise Problem(problems.DATABASE_UNAVAILABLE, found.database.detail, headers=headers, **members)
    return JSONResponse(found.model_dump(exclude_none=True))


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"description": "The metrics.", "content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def get_metrics(
    services: ServicesDependency, accept: Annotated[str, Header(include_in_schema=False)] = ""
) -> Response:
    """Requests, rings and sweeps of this process, and the registry's jobs and workers."""
    encode, content_type = choose_encoder(accept)
    body = await to_thread.run_sync(encode, services.measures.registry)
    return Response(body, headers={"Content-Type": content_type})


async def readiness(services: Services, *, full: bool = False) -> Readiness:
    """Everything at once, in a thread: each look takes a second at most where a part does not answer.

    `full` walks the audit's chain too, which takes longer.
    """
    return await to_thread.run_sync(_look, services, full)


def _look(services: Services, full: bool) -> Readiness:
    broker, disk = _broker(services), _storage(services)
    try:
        database.check(services.reads.engine)
        workers, model = _announced(services)
        audit = _audit(services) if full else None
    except SQLAlchemyError as error:
        down = Part(status="down", detail=f"the database is not usable ({type(error).__name__})")
        unknown = Part(status="degraded", detail="not known without the database")
        return Readiness(
            status="unusable",
            database=down,
            broker=broker,
            workers=dict.fromkeys(QUEUES, unknown),
            model=unknown,
            storage=disk,
        )
    database_part = _database(services)
    parts = (database_part, broker, model, disk, *workers.values(), *([audit] if audit else []))
    status: Literal["ready", "degraded"] = "ready" if all(part.status == "up" for part in parts) else "degraded"
    return Readiness(
        status=status, database=database_part, broker=broker, workers=workers, model=model, storage=disk, audit=audit
    )


def _database(services: Services) -> Part:
    """It can be read. Without writes nothing new is accepted, and what is known is still answered."""
    complaint = services.written.complaint()
    return Part(status="degraded" if complaint else "up", detail=complaint or "the tables are there")


def _storage(services: Services) -> Part:
    complaint = storage.complaint(services.settings)
    return Part(status="degraded" if complaint else "up", detail=complaint or "enough room is left")


def _audit(services: Services) -> Part:
    """A chain that was tampered with takes no request away: takedowns must go on while an operator looks into it."""
    found = audit_heads.examine(services.reads.engine, services.settings.audit_heads)
    if found.complaint:
        return Part(status="down", detail=found.complaint)
    return Part(status="up", detail=f"{found.entries} entries, the last {found.head}")


def _broker(services: Services) -> Part:
    complaint = services.doorbell.complaint()
    return Part(status="degraded" if complaint else "up", detail=complaint or "answers")


def _announced(services: Services) -> tuple[dict[str, Part], Part]:
    with services.reading() as session:
        seen = [worker.queue for worker in serving.workers(session)]
        description = serving.current_model(session)
    workers: dict[str, Part] = {queue: _worker(seen.count(queue)) for queue in QUEUES}
    if description is None:
        return workers, Part(status="degraded", detail="no worker has announced a model yet")
    return workers, Part(status="up", detail=f"{description['name']} {description['base_digest']}")


def _worker(count: int) -> Part:
    if not count:
        return Part(status="degraded", detail=f"none was seen in the last {serving.ALIVE_SECONDS:g} seconds")
    return Part(status="up", detail=f"{count} seen in the last {serving.ALIVE_SECONDS:g} seconds")
