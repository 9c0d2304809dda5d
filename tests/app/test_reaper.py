"""Rows that nobody works on are rung for, on both databases."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import redis
from sqlalchemy import Engine, event, select, update

from sepme_core.registry.blobs import Blobs
from sepme_core.registry.database import reading, writing
from sepme_core.registry.tables import IdempotencyRecord
from sepme_core.settings import Settings
from tests.app import working
from tests.app.running import RunningService

SWEEP_SECONDS = 0.2


@pytest.fixture
def settings(
    environment_without_settings: None, tmp_path: Path, database_url: str, broker_url: str, blob_url: str
) -> Settings:
    del environment_without_settings
    return Settings(
        home=tmp_path / "home",
        database_url=database_url,
        broker_url=broker_url,
        blob_url=blob_url,
        sweep_seconds=SWEEP_SECONDS,
        job_attempts=2,
    )


@pytest.fixture
def broker(broker_url: str) -> Iterator["redis.Redis"]:
    with redis.Redis(unix_socket_path=broker_url.removeprefix("redis+socket://")) as broker:
        yield broker


def rung_for(broker: "redis.Redis", queue: str) -> int:
    """How many rings wait for the workers of the queue."""
    waiting = broker.llen(queue)
    assert isinstance(waiting, int)
    return waiting


def sweeps(client: httpx.Client) -> float:
    """How many sweeps are done; 0 before the first."""
    _, _, after = client.get("/metrics").text.partition('sepme_reaper_sweeps_total{outcome="done"} ')
    return float(after.split()[0]) if after else 0.0


def await_sweeps(client: httpx.Client, count: int) -> None:
    """Wait until so many more sweeps are done."""
    before = sweeps(client)
    working.eventually(lambda: sweeps(client) >= before + count)


def test_rows_that_no_worker_claims_are_rung_for_by_one_ring_whatever_waits(
    client: httpx.Client, broker: "redis.Redis"
) -> None:
    for name in ("cat", "dog", "fish"):
        client.post(f"/concepts/{name}/erase")
    working.eventually(lambda: rung_for(broker, "erase") == 1)
    await_sweeps(client, 4)
    assert (rung_for(broker, "erase"), rung_for(broker, "generate")) == (1, 0)


@pytest.mark.usefixtures("model")
def test_a_broker_that_forgot_everything_loses_no_job(client: httpx.Client, broker: "redis.Redis") -> None:
    client.post("/generate", json={"prompt": "a"})
    working.eventually(lambda: rung_for(broker, "generate") == 1)
    broker.flushall()
    working.eventually(lambda: rung_for(broker, "generate") == 1)


def test_a_worker_that_dies_is_replaced_and_a_job_that_kills_workers_is_given_up(
    client: httpx.Client, engine: Engine, broker: "redis.Redis"
) -> None:
    job_id = client.post("/concepts/cat/erase").json()["id"]
    working.claim(engine, job_id, lease_seconds=0.1)
    broker.flushall()
    working.eventually(lambda: rung_for(broker, "erase") == 1)
    assert client.get(f"/jobs/{job_id}").json()["state"] == "running"
    working.claim(engine, job_id, lease_seconds=0.1)
    answer = client.get(f"/jobs/{job_id}", headers={"Prefer": "wait=10"}).json()
    assert (answer["state"], answer["problem"]["type"]) == ("failed", "/problems/worker-lost")
    assert "sepme_reaper_parked_jobs_total 1.0" in client.get("/metrics").text


def test_a_job_that_somebody_works_on_is_left_alone(
    client: httpx.Client, engine: Engine, broker: "redis.Redis"
) -> None:
    job_id = client.post("/concepts/cat/erase").json()["id"]
    working.claim(engine, job_id)
    await_sweeps(client, 1)
    broker.flushall()
    await_sweeps(client, 3)
    assert rung_for(broker, "erase") == 0


@pytest.mark.usefixtures("model")
def test_what_an_erasure_left_behind_that_failed_is_reprojected(
    client: httpx.Client, engine: Engine, blobs: Blobs
) -> None:
    working.erase(engine, blobs, client.post("/concepts/cat/erase").json()["id"])
    anew = client.post("/concepts/cat/erase", json={"prompts": ["tabby"]}).json()["id"]
    working.erase(engine, blobs, client.post("/concepts/dog/erase").json()["id"])
    assert client.get("/concepts/cat").json()["job"] == anew
    working.fail(engine, anew, type="/problems/concept-not-drawn", title="No", status=409, detail="no")
    working.eventually(lambda: client.get("/concepts/cat").json()["job"] not in (None, anew))
    job_id = client.get("/concepts/cat").json()["job"]
    assert client.get(f"/jobs/{job_id}").json()["kind"] == "reproject"


@pytest.mark.usefixtures("model")
def test_a_sweep_to_which_nothing_is_new_reads_no_version(
    service: RunningService, client: httpx.Client, engine: Engine, blobs: Blobs
) -> None:
    working.erase(engine, blobs, client.post("/concepts/cat/erase").json()["id"])
    await_sweeps(client, 3)
    asked: list[str] = []
    event.listen(service.services.engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
    await_sweeps(client, 3)
    assert any("FROM jobs" in statement for statement in asked)
    assert [statement for statement in asked if "FROM increments" in statement] == []


def test_idempotency_keys_are_forgotten_after_a_day(client: httpx.Client, engine: Engine) -> None:
    def keys() -> list[str]:
        with reading(engine) as session:
            return list(session.scalars(select(IdempotencyRecord.key)))

    for key in ("old", "young"):
        client.post("/concepts/cat/erase", headers={"Idempotency-Key": key})
    with writing(engine) as session:
        yesterday = update(IdempotencyRecord).where(IdempotencyRecord.key == "old")
        session.execute(yesterday.values(created_at=datetime.now(UTC) - timedelta(hours=25)))
    working.eventually(lambda: keys() == ["young"])
