"""Many who wait cost as much as one."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, event

from tests.app import working
from tests.app.running import RunningService

CROWD = 100


@contextmanager
def questions(engine: Engine) -> Iterator[list[str]]:
    """What the database is asked meanwhile."""
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        asked.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield asked
    event.remove(engine, "before_cursor_execute", note)


async def wait_all(service: RunningService, job_ids: list[str], engine: Engine) -> tuple[int, list[float], list[Any]]:
    """Wait for each job, and cancel all after two seconds: the questions, how long reads took, and the answers."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=service.url, timeout=60, verify=False, limits=limits) as client:
        waits = [asyncio.create_task(client.get(f"/jobs/{each}", headers={"Prefer": "wait=30"})) for each in job_ids]
        await asyncio.sleep(1)
        with questions(engine) as asked:
            await asyncio.sleep(2)
        took = []
        for _ in range(20):
            started = time.perf_counter()
            assert (await client.get("/concepts")).status_code == 200
            took.append(time.perf_counter() - started)
        assert not any(wait.done() for wait in waits)
        for each in dict.fromkeys(job_ids):
            await client.post(f"/jobs/{each}/cancel")
        return len([each for each in asked if "SELECT" in each]), took, await asyncio.gather(*waits)


@pytest.mark.usefixtures("model")
def test_a_hundred_who_wait_ask_the_database_no_more_than_one_and_hold_up_no_read(
    service: RunningService, client: httpx.Client
) -> None:
    job_ids = [client.post(f"/concepts/c{place}/erase").json()["id"] for place in range(CROWD)]
    engine = service.services.reads.engine
    by_one, _, _ = asyncio.run(wait_all(service, job_ids[:1], engine))
    by_all, took, answers = asyncio.run(wait_all(service, job_ids[1:], engine))
    assert 0 < by_all <= 1.5 * by_one
    assert sorted(took)[len(took) * 9 // 10] < 0.2, sorted(took)
    assert [(answer.status_code, answer.json()["state"]) for answer in answers] == [(200, "cancelled")] * (CROWD - 1)


@pytest.mark.usefixtures("model")
def test_who_waits_while_the_database_fails_is_told_so(service: RunningService, client: httpx.Client) -> None:
    job_id = client.post("/concepts/cat/erase").json()["id"]

    async def wait() -> httpx.Response:
        async with httpx.AsyncClient(base_url=service.url, timeout=60, verify=False) as waiting:
            answer = asyncio.create_task(waiting.get(f"/jobs/{job_id}", headers={"Prefer": "wait=30"}))
            await asyncio.sleep(0.5)
            with service.services.engine.begin() as connection:
                connection.exec_driver_sql("ALTER TABLE jobs RENAME TO elsewhere")
            return await answer

    started = time.monotonic()
    answer = asyncio.run(wait())
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/database-unavailable")
    assert time.monotonic() - started < 10
    with service.services.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO jobs")
    working.eventually(lambda: client.get(f"/jobs/{job_id}").status_code == 200)
