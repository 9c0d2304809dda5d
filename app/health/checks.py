"""Look at the database, the broker, the workers and the model."""

from typing import Literal

from anyio import to_thread
from sqlalchemy.exc import SQLAlchemyError

from app.health.schemas import Part, Readiness
from app.services import Services
from sepme_core.registry import database, serving

QUEUES = ("erase", "generate")


async def readiness(services: Services) -> Readiness:
    """Everything at once, in a thread: each look takes a second at most where a part does not answer."""
    return await to_thread.run_sync(_look, services)


def _look(services: Services) -> Readiness:
    broker = _broker(services)
    try:
        database.check(services.reads.engine)
        workers, model = _announced(services)
    except SQLAlchemyError as error:
        down = Part(status="down", detail=f"the database is not usable ({type(error).__name__})")
        unknown = Part(status="degraded", detail="not known without the database")
        return Readiness(
            status="unusable", database=down, broker=broker, workers=dict.fromkeys(QUEUES, unknown), model=unknown
        )
    database_part = _database(services)
    parts = (database_part, broker, model, *workers.values())
    status: Literal["ready", "degraded"] = "ready" if all(part.status == "up" for part in parts) else "degraded"
    return Readiness(status=status, database=database_part, broker=broker, workers=workers, model=model)


def _database(services: Services) -> Part:
    """It can be read. Without writes nothing new is accepted, and what is known is still answered."""
    complaint = services.written.complaint()
    return Part(status="degraded" if complaint else "up", detail=complaint or "the tables are there")


def _broker(services: Services) -> Part:
    complaint = services.doorbell.complaint()
    return Part(status="degraded" if complaint else "up", detail=complaint or "answers")


def _announced(services: Services) -> tuple[dict[str, Part], Part]:
    with services.reading() as session:
        seen = [worker.queue for worker in serving.workers(session)]
        description = serving.current_model(session)
    workers = {queue: _worker(seen.count(queue)) for queue in QUEUES}
    if description is None:
        return workers, Part(status="degraded", detail="no worker has announced a model yet")
    return workers, Part(status="up", detail=f"{description['name']} {description['base_digest']}")


def _worker(count: int) -> Part:
    if not count:
        return Part(status="degraded", detail=f"none was seen in the last {serving.ALIVE_SECONDS:g} seconds")
    return Part(status="up", detail=f"{count} seen in the last {serving.ALIVE_SECONDS:g} seconds")
