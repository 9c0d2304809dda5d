"""How many jobs may wait, and how full the disk may be, before new work is refused: on both databases."""

from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from sepme_core.registry.blobs import Blobs
from sepme_core.settings import Settings
from tests.app import working
from tests.app.running import running

LIMIT = 3
PICTURE = {"prompt": "a cat", "erased": []}


@pytest.fixture
def settings(
    environment_without_settings: None, tmp_path: Path, database_url: str, broker_url: str, blob_url: str
) -> Settings:
    del environment_without_settings
    urls: dict[str, Any] = {"database_url": database_url, "broker_url": broker_url, "blob_url": blob_url}
    return Settings(home=tmp_path / "home", queue_limit=LIMIT, **urls)


@pytest.mark.usefixtures("model")
def test_of_many_that_come_at_once_no_more_wait_than_may(client: httpx.Client) -> None:
    barrier, answers = Barrier(4 * LIMIT), list[httpx.Response]()

    def ask() -> None:
        barrier.wait()
        answers.append(client.post("/generate", json=PICTURE))

    threads = [Thread(target=ask) for _ in range(4 * LIMIT)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == LIMIT * [202] + 3 * LIMIT * [429]
    assert len(client.get("/jobs").json()["items"]) == LIMIT
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json()["type"] == "/problems/queue-full"
    assert (refused.json()["waiting"], refused.json()["limit"]) == (LIMIT, LIMIT)
    assert refused.headers["RateLimit-Policy"].startswith(f'"waiting-generate";q={LIMIT}')
    assert refused.headers["RateLimit"] == f'"waiting-generate";r=0;t={refused.headers["Retry-After"]}'


@pytest.mark.usefixtures("model")
def test_pictures_that_wait_hold_up_no_erasure_and_what_is_under_way_is_answered(client: httpx.Client) -> None:
    for _ in range(LIMIT):
        client.post("/generate", json=PICTURE)
    assert client.post("/generate", json=PICTURE).status_code == 429
    for name in ("cat", "dog", "fox"):
        assert client.post(f"/concepts/{name}/erase").status_code == 202
    assert client.post("/concepts/owl/erase").status_code == 429
    assert client.get("/concepts/owl").status_code == 404
    assert client.post("/concepts/cat/erase").status_code == 202


@pytest.mark.usefixtures("model")
def test_whoever_is_refused_is_told_to_come_again_at_the_pace_of_late(
    client: httpx.Client, engine: Engine, blobs: Blobs
) -> None:
    for _ in range(2):
        working.draw(engine, blobs, client.post("/generate", json=PICTURE).json()["id"])
    for _ in range(LIMIT):
        client.post("/generate", json=PICTURE)
    assert 1 <= int(client.post("/generate", json=PICTURE).headers["Retry-After"]) <= 20


@pytest.mark.usefixtures("model")
def test_before_the_disk_is_full_new_work_is_refused_and_said(settings: Settings) -> None:
    full = settings.model_copy(update={"disk_free_bytes": 2**60})
    with running(full) as service, service.client() as client:
        answer = client.post("/concepts/cat/erase")
        assert (answer.status_code, answer.json()["type"]) == (507, "/problems/storage-full")
        assert int(answer.headers["Retry-After"]) > 0
        assert client.get("/jobs").json()["items"] == []
        found = client.get("/readyz").json()
        assert (found["status"], found["storage"]["status"]) == ("degraded", "degraded")
        assert "sepme_storage_free_bytes" in client.get("/metrics").text
