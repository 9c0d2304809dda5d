"""The place of jobs in their queue, held against the order in which they are taken up, on both databases."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from sepme_core.registry import jobs
from sepme_core.registry.blobs import Blobs
from sepme_core.registry.database import writing
from sepme_core.registry.jobs import Claimant
from sepme_core.settings import Settings
from tests.app import working


@pytest.fixture
def settings(
    environment_without_settings: None, tmp_path: Path, database_url: str, broker_url: str, blob_url: str
) -> Settings:
    del environment_without_settings
    return Settings(home=tmp_path / "home", database_url=database_url, broker_url=broker_url, blob_url=blob_url)


def positions(client: httpx.Client) -> dict[str, Any]:
    listed = client.get("/jobs", params={"limit": 200}).json()["items"]
    return {job["id"]: job["position"] for job in listed}


def taken_up(engine: Engine, queue: str) -> list[str]:
    """Take up all that waits, as a worker does; gives the ids in that order."""
    claimant = Claimant("tester", queue, working.BASE, 3)
    order: list[str] = []
    while True:
        with writing(engine) as session:
            job_id = jobs.next_in_turn(session, claimant)
            if job_id is None:
                return order
            assert jobs.claim(session, job_id, worker="tester", lease_seconds=60) is not None
        order.append(job_id)


def test_holders_take_turns_and_each_job_knows_its_place(client: httpx.Client, engine: Engine, model: None) -> None:
    del model
    headers = [_key(client, "ops", ["admin"])]
    client.headers.update(headers[0])
    headers += [_key(client, name, ["generate"]) for name in ("shop", "press")]
    for holder, count in zip(headers, (1, 3, 2), strict=True):
        for seed in range(count):
            answer = client.post("/generate", json={"prompt": "a cat", "seed": seed}, headers=holder)
            assert answer.status_code == 202, answer.text
    told = positions(client)
    assert sorted(told.values()) == [1, 2, 3, 4, 5, 6]
    for job_id, place in told.items():
        assert client.get(f"/jobs/{job_id}").json()["position"] == place
    assert taken_up(engine, "generate") == sorted(told, key=lambda job_id: int(told[job_id]))
    assert set(positions(client).values()) == {None}


def test_what_is_done_by_the_way_goes_last(client: httpx.Client, engine: Engine, blobs: Blobs, model: None) -> None:
    del model
    working.erase(engine, blobs, client.post("/concepts/cat/erase").json()["id"])
    working.erase(engine, blobs, client.post("/concepts/dog/erase").json()["id"])
    last = client.post("/concepts/fish/erase").json()["id"]
    told = positions(client)
    by_the_way = client.get("/jobs", params={"kind": "reproject"}).json()["items"]
    assert [told[job["id"]] for job in by_the_way] == [2]
    assert told[last] == 1


def _key(client: httpx.Client, name: str, scopes: list[str]) -> dict[str, str]:
    made = client.post("/keys", json={"name": name, "scopes": scopes, "floor": "none"}).json()
    return {"Authorization": f"Bearer {made['key']}"}
