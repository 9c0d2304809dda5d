"""Rows that nobody works on are rung for, on both databases."""

import json
from base64 import b64decode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import redis
from sqlalchemy import Engine, select, update

from sepme_core.registry.blobs import Blobs
from sepme_core.registry.database import reading, writing
from sepme_core.registry.tables import IdempotencyRecord
from sepme_core.settings import Settings
from tests.app import working

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


def rung_for(broker: "redis.Redis", queue: str) -> list[str]:
    """The ids of the jobs that the queue's messages name, the newest first."""
    messages = broker.lrange(queue, 0, -1)
    assert isinstance(messages, list)
    bodies = [json.loads(b64decode(json.loads(message)["body"])) for message in messages]
    return [arguments[0] for arguments, _, _ in bodies]


def test_a_row_that_no_worker_claims_is_rung_for_again(client: httpx.Client, broker: "redis.Redis") -> None:
    job_id = client.post("/concepts/cat/erase").json()["id"]
    working.eventually(lambda: len(rung_for(broker, "erase")) >= 2)
    assert set(rung_for(broker, "erase")) == {job_id}


@pytest.mark.usefixtures("model")
def test_a_broker_that_forgot_everything_loses_no_job(client: httpx.Client, broker: "redis.Redis") -> None:
    job_id = client.post("/generate", json={"prompt": "a"}).json()["id"]
    working.eventually(lambda: rung_for(broker, "generate") != [])
    broker.flushall()
    working.eventually(lambda: job_id in rung_for(broker, "generate"))


def test_a_worker_that_dies_is_replaced_and_a_job_that_kills_workers_is_given_up(
    client: httpx.Client, engine: Engine, broker: "redis.Redis"
) -> None:
    job_id = client.post("/concepts/cat/erase").json()["id"]
    working.claim(engine, job_id, lease_seconds=0.1)
    broker.flushall()
    working.eventually(lambda: rung_for(broker, "erase") != [])
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
    working.eventually(lambda: 'sepme_reaper_sweeps_total{outcome="done"}' in client.get("/metrics").text)
    broker.flushall()
    before = client.get("/metrics").text.split('sweeps_total{outcome="done"} ')[1].split()[0]
    working.eventually(
        lambda: (
            float(client.get("/metrics").text.split('sweeps_total{outcome="done"} ')[1].split()[0]) >= float(before) + 3
        )
    )
    assert rung_for(broker, "erase") == []


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
