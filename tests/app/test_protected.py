import json
from base64 import b64decode

import httpx
import pytest
import redis
from sqlalchemy import Engine

from sepme_core.registry.blobs import Blobs
from sepme_core.registry.database import reading
from sepme_core.registry.tables import Job
from tests.app import working

LOGO = {"prompts": ["the Acme logo", "Acme watermark"]}


def test_protected_prompts_are_put_read_and_deleted(client: httpx.Client) -> None:
    created = client.put("/protected/acme", json=LOGO)
    assert (created.status_code, created.json()["prompts"]) == (201, LOGO["prompts"])
    assert client.get("/protected/acme").json() == created.json()
    replaced = client.put("/protected/acme", json={"prompts": ["Acme"]})
    assert (replaced.status_code, replaced.json()["prompts"]) == (200, ["Acme"])
    assert replaced.json()["created_at"] == created.json()["created_at"]
    deleted = client.delete("/protected/acme")
    assert (deleted.status_code, deleted.content) == (204, b"")
    for answer in (client.get("/protected/acme"), client.delete("/protected/acme")):
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/protected-not-found")


def test_protected_prompts_are_listed_by_name_in_pages(client: httpx.Client) -> None:
    for name in ("dog", "bee", "cat"):
        client.put(f"/protected/{name}", json={"prompts": [name]})
    first = client.get("/protected", params={"limit": 2}).json()
    last = client.get("/protected", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [row["name"] for row in first["items"] + last["items"]] == ["bee", "cat", "dog"]
    assert last["next_cursor"] is None


def test_erasures_accepted_since_must_leave_them_alone(client: httpx.Client, engine: Engine) -> None:
    client.put("/protected/acme", json=LOGO)
    job_id = client.post("/concepts/cat/erase").json()["id"]
    with reading(engine) as session:
        pinned = session.get_one(Job, job_id).pinned
    assert pinned["protected"] == [{"name": "acme", **LOGO}]


@pytest.mark.usefixtures("model")
def test_what_is_stored_is_reprojected_and_rung_for(
    client: httpx.Client, engine: Engine, blobs: Blobs, broker_url: str
) -> None:
    working.erase(engine, blobs, client.post("/concepts/cat/erase").json()["id"])
    with redis.Redis(unix_socket_path=broker_url.removeprefix("redis+socket://")) as broker:
        working.eventually(lambda: broker.llen("erase") > 0)
        broker.flushall()
        client.put("/protected/acme", json=LOGO)
        job_id = client.get("/concepts/cat").json()["job"]
        working.eventually(lambda: broker.llen("erase") > 0)
        assert job_id.encode() in b64decode(json.loads(broker.lindex("erase", 0))["body"])
    assert client.get(f"/jobs/{job_id}").json()["kind"] == "reproject"


@pytest.mark.parametrize("body", [{}, {"prompts": []}, {"prompts": "Acme"}, {"prompts": [""]}])
def test_prompts_that_protect_nothing(client: httpx.Client, body: dict[str, object]) -> None:
    answer = client.put("/protected/acme", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["location"]) == (422, "body")
