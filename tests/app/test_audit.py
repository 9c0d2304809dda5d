import hashlib
import json

import httpx
import pytest
from sqlalchemy import Engine

from sepme_core.registry.blobs import Blobs
from tests.app import working


@pytest.mark.usefixtures("model")
def test_the_audit_tells_what_changed_as_a_chain_that_clients_can_check(
    client: httpx.Client, engine: Engine, blobs: Blobs
) -> None:
    working.erase(engine, blobs, client.post("/concepts/cat/erase").json()["id"])
    digest = client.get("/concepts/cat").json()["digest"]
    client.delete("/concepts/cat")
    client.post("/concepts/cat/erase")
    client.put("/protected/acme", json={"prompts": ["Acme"]})
    entries = client.get("/audit").json()["items"]
    told = [(entry["action"], entry["concept"], entry["from_digest"], entry["to_digest"]) for entry in entries]
    assert told == [
        ("erase", "cat", None, digest),
        ("restore", "cat", digest, None),
        ("reactivate", "cat", None, digest),
        ("protect", "acme", None, None),
    ]
    assert {entry["actor"] for entry in entries} == {"anonymous"}
    previous = "sha256:" + 64 * "0"
    for entry in entries:
        assert entry["previous_hash"] == previous
        content = {key: value for key, value in entry.items() if key != "hash"}
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
        previous = "sha256:" + hashlib.sha256(canonical).hexdigest()
        assert entry["hash"] == previous


@pytest.mark.usefixtures("model")
def test_the_audit_is_listed_in_pages_and_by_concept(client: httpx.Client) -> None:
    for name in ("acme", "brand", "acme"):
        client.put(f"/protected/{name}", json={"prompts": [name + name]})
        client.delete(f"/protected/{name}")
    first = client.get("/audit", params={"limit": 4}).json()
    last = client.get("/audit", params={"limit": 4, "cursor": first["next_cursor"]}).json()
    assert [entry["sequence"] for entry in first["items"] + last["items"]] == [1, 2, 3, 4, 5, 6]
    assert last["next_cursor"] is None
    assert [entry["sequence"] for entry in client.get("/audit?concept=brand").json()["items"]] == [3, 4]


def test_the_newest_entry_may_come_first_page_by_page(
    client: httpx.Client, engine: Engine, blobs: Blobs, model: None
) -> None:
    del model
    for name in ("one", "two", "three"):
        working.erase(engine, blobs, client.post(f"/concepts/{name}/erase").json()["id"])
    sequences = []
    query: dict[str, str] = {"order": "newest", "limit": "2"}
    while True:
        page = client.get("/audit", params=query).json()
        sequences += [entry["sequence"] for entry in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    oldest = [entry["sequence"] for entry in client.get("/audit").json()["items"]]
    assert len(oldest) == 3
    assert sequences == oldest[::-1]
    assert client.get("/audit", params={"order": "random"}).status_code == 422
