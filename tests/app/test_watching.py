"""Many who wait cost as much as one."""

import asyncio
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, event

from app.jobs.watcher import Marks, Watcher
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
        for _ in range(100):  # on a busy machine it takes them a while
            if len(service.services.watcher._waiting) == len(job_ids):
                break
            await asyncio.sleep(0.05)
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


def looks(*, waited: float, seconds: float, each: float = 0.0) -> int:
    """How often a watcher looks for somebody who has waited so long, in so many seconds, where a look takes `each`."""

    async def wait() -> int:
        asked = 0

        async def look(job_ids: Collection[str]) -> Marks:
            nonlocal asked
            asked += 1
            await asyncio.sleep(each)
            return dict.fromkeys(job_ids, ("running", 1))

        watcher = Watcher(look)
        assert not await watcher.until(["a"], lambda _marks: False, seconds, time.monotonic() - waited)
        watcher.stop()
        return asked

    return asyncio.run(wait())


def test_who_has_just_come_hears_within_hundredths_of_a_second_and_who_waits_long_asks_seldom() -> None:
    assert 10 < looks(waited=0, seconds=0.5) <= 17
    assert 5 < looks(waited=60, seconds=1) <= 11


def test_looks_that_take_long_are_far_between() -> None:
    assert looks(waited=0, seconds=1, each=0.04) <= 6


def test_somebody_who_comes_cuts_short_the_pause_of_those_who_wait_long() -> None:
    async def look(job_ids: Collection[str]) -> Marks:
        return dict.fromkeys(job_ids, ("running", 1))

    async def wait() -> list[float]:
        watcher = Watcher(look)
        long = asyncio.create_task(watcher.until(["a"], lambda _marks: False, 2, time.monotonic() - 60))
        took = []
        for _ in range(9):
            await asyncio.sleep(0.13)
            came = time.monotonic()
            assert await watcher.until(["b"], lambda marks: "b" in marks, 1, came)
            took.append(time.monotonic() - came)
        await long
        watcher.stop()
        return took

    assert sorted(asyncio.run(wait()))[4] < 0.03


def test_a_look_that_was_held_up_is_soon_followed_by_another() -> None:
    asked = 0

    async def look(job_ids: Collection[str]) -> Marks:
        nonlocal asked
        asked += 1
        await asyncio.sleep(1.0 if asked == 1 else 0.0)
        return dict.fromkeys(job_ids, ("succeeded" if asked > 1 else "running", 1))

    async def wait() -> float:
        watcher, began = Watcher(look), time.monotonic()
        assert await watcher.until(["a"], lambda marks: marks["a"][0] == "succeeded", 10, began)
        watcher.stop()
        return time.monotonic() - began

    assert asyncio.run(wait()) < 2.0
