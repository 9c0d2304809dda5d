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


POLICY = {queue: f'"waiting-{queue}";q={LIMIT};qu="concurrent-requests"' for queue in ("erase", "generate")}


def said(answer: httpx.Response) -> tuple[int, str | None, str | None]:
    return answer.status_code, answer.headers.get("RateLimit-Policy"), answer.headers.get("RateLimit")


@pytest.mark.usefixtures("model")
def test_whoever_is_accepted_is_told_how_many_more_may_wait(client: httpx.Client) -> None:
    two = {"concepts": [{"name": "cat"}, {"name": "dog"}]}
    assert said(client.post("/erasures", json=two)) == (202, POLICY["erase"], '"waiting-erase";r=1')
    long = {"prompts": ["a sentence that nobody reads to its end " * 3]}
    assert said(client.put("/protected/brand", json=long)) == (202, POLICY["erase"], '"waiting-erase";r=0')
    for left in reversed(range(LIMIT)):
        answer = client.post("/generate", json=PICTURE)
        assert said(answer) == (202, POLICY["generate"], f'"waiting-generate";r={left}')
    assert said(client.post("/concepts/fox/erase"))[:2] == (429, POLICY["erase"])


@pytest.mark.usefixtures("model")
def test_pictures_for_other_clients_say_it_too(client: httpx.Client) -> None:
    answer = client.post("/v1/images/generations", json={"prompt": "a cat"}, headers={"Prefer": "wait=0"})
    assert said(answer) == (504, POLICY["generate"], f'"waiting-generate";r={LIMIT - 1}')


@pytest.mark.usefixtures("model")
def test_where_nothing_was_counted_the_bound_alone_is_said(client: httpx.Client) -> None:
    client.post("/concepts/cat/erase")
    assert said(client.post("/concepts/cat/erase")) == (202, POLICY["erase"], None), "the job is that of before"
    assert said(client.put("/protected/brand", json={"prompts": ["Acme"]})) == (201, POLICY["erase"], None)
    assert said(client.post("/generate", json={})) == (422, POLICY["generate"], None)
    assert said(client.post("/generate", content="{", headers={"Content-Type": "application/json"}))[2] is None
    assert said(client.get("/jobs")) == (200, None, None)


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
