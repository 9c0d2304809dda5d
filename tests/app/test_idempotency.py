"""The same POST sent twice is done once, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from sepme_core.registry.blobs import Blobs
from sepme_core.settings import Settings
from tests.app import working
from tests.app.running import RunningService

BODIES: dict[str, dict[str, Any]] = {
    "/concepts/cat/erase": {"kind": "object"},
    "/erasures": {"concepts": [{"name": "cat"}, {"name": "dog"}]},
    "/generate": {"prompt": "a cat"},
}
KEY = {"Idempotency-Key": "2f1c"}


@pytest.fixture
def settings(
    environment_without_settings: None, tmp_path: Path, database_url: str, broker_url: str, blob_url: str
) -> Settings:
    del environment_without_settings
    return Settings(home=tmp_path / "home", database_url=database_url, broker_url=broker_url, blob_url=blob_url)


def ids(answer: httpx.Response) -> list[str]:
    found = answer.json()
    return [job["id"] for job in found.get("items", [found])]


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize("path", list(BODIES))
def test_the_same_key_and_body_are_the_same_job(client: httpx.Client, path: str) -> None:
    first = client.post(path, json=BODIES[path], headers=KEY)
    again = client.post(path, json=BODIES[path], headers=KEY)
    assert first.status_code == again.status_code == 202
    assert ids(first) == ids(again)
    assert len(client.get("/jobs").json()["items"]) == len(ids(first))


@pytest.mark.usefixtures("model")
def test_white_space_and_order_make_no_other_body(client: httpx.Client) -> None:
    headers = {**KEY, "Content-Type": "application/json"}
    first = client.post("/generate", content=b'{"prompt": "a cat", "seed": 1}', headers=headers)
    again = client.post("/generate", content=b'{"seed":1,"prompt":"a cat"}', headers=headers)
    assert ids(first) == ids(again)


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/concepts/cat/erase", {"kind": "style"}),
        ("/erasures", {"concepts": [{"name": "dog"}]}),
        ("/generate", {"prompt": "a dog"}),
    ],
)
def test_the_same_key_with_another_body_is_refused(client: httpx.Client, path: str, body: dict[str, Any]) -> None:
    first = ids(client.post(path, json=BODIES[path], headers=KEY))
    answer = client.post(path, json=body, headers=KEY)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/idempotency-key-reused")
    assert len(client.get("/jobs").json()["items"]) == len(first)


def test_a_key_belongs_to_its_path(client: httpx.Client) -> None:
    first = client.post("/concepts/cat/erase", json={}, headers=KEY)
    other = client.post("/concepts/dog/erase", json={}, headers=KEY)
    assert ids(first) != ids(other)


@pytest.mark.usefixtures("model")
def test_without_a_key_every_request_is_one_of_its_own(client: httpx.Client) -> None:
    assert ids(client.post("/generate", json={"prompt": "a"})) != ids(client.post("/generate", json={"prompt": "a"}))


@pytest.mark.usefixtures("model")
def test_a_request_that_was_refused_does_not_use_its_key_up(client: httpx.Client) -> None:
    busy = client.post("/concepts/cat/erase", json={"kind": "object"}).json()["id"]
    assert client.post("/concepts/cat/erase", json={"kind": "style"}, headers=KEY).status_code == 409
    client.post(f"/jobs/{busy}/cancel")
    assert client.post("/concepts/cat/erase", json={"kind": "style"}, headers=KEY).status_code == 202


@pytest.mark.usefixtures("model")
def test_the_answer_given_then_is_given_though_the_world_has_moved(
    client: httpx.Client, engine: Engine, blobs: Blobs
) -> None:
    job_id = client.post("/concepts/cat/erase", json={}, headers=KEY).json()["id"]
    working.erase(engine, blobs, job_id)
    client.delete("/concepts/cat")
    answer = client.post("/concepts/cat/erase", json={}, headers=KEY)
    assert (answer.status_code, answer.json()["id"]) == (200, job_id)
    assert client.get("/concepts/cat").json()["state"] == "restored", "a repeated request must not erase it again"


def test_cancelling_twice_under_one_key_is_answered_twice(client: httpx.Client) -> None:
    job_id = client.post("/concepts/cat/erase").json()["id"]
    first = client.post(f"/jobs/{job_id}/cancel", headers=KEY)
    again = client.post(f"/jobs/{job_id}/cancel", headers=KEY)
    assert (first.status_code, again.status_code) == (202, 202)
    assert client.post(f"/jobs/{job_id}/cancel").status_code == 409


@pytest.mark.usefixtures("model")
def test_twins_sent_at_the_same_moment_are_one_job(service: RunningService) -> None:
    def send(number: int) -> httpx.Response:
        with service.client() as client:
            return client.post("/generate", json={"prompt": "a cat"}, headers={"Idempotency-Key": f"k{number % 2}"})

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(send, range(12)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({job_id for answer in answers for job_id in ids(answer)}) == 2
