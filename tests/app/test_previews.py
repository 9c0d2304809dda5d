"""What a request to erase would come to, asked before it is sent, on both databases."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from sepme_core.registry.blobs import Blobs
from sepme_core.settings import Settings
from tests.app import working


@pytest.fixture
def settings(
    environment_without_settings: None, tmp_path: Path, database_url: str, broker_url: str, blob_url: str
) -> Settings:
    del environment_without_settings
    return Settings(home=tmp_path / "home", database_url=database_url, broker_url=broker_url, blob_url=blob_url)


def erased(client: httpx.Client, engine: Engine, blobs: Blobs, name: str, **body: Any) -> str:
    """Erase a concept; gives the job's id."""
    job = client.post(f"/concepts/{name}/erase", json=body).json()
    working.erase(engine, blobs, job["id"])
    return str(job["id"])


def preview(client: httpx.Client, name: str, **body: Any) -> Any:
    answer = client.post(f"/concepts/{name}/preview", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def everything(client: httpx.Client) -> list[Any]:
    return [client.get(path).json()["items"] for path in ("/concepts", "/jobs", "/audit")]


def test_a_newcomer_says_whom_it_has_made_again_and_changes_nothing(
    client: httpx.Client, engine: Engine, blobs: Blobs, model: None
) -> None:
    del model
    erased(client, engine, blobs, "cat", kind="object")
    before = everything(client)
    found = preview(client, "dog", kind="object", prompts=["dog", "a big cat"], case="7")
    assert everything(client) == before
    assert found == {
        "concept": "dog",
        "outcome": "job",
        "job": None,
        "shares_words": [{"name": "cat", "kind": "concept", "words": ["cat"]}],
        "suggested": True,
        "made_again": [{"concept": "cat", "because": "reprojected"}],
        "measured_later": ["concept-not-drawn", "concept-too-close", "no-capacity", "not-forgotten"],
    }
    erased(client, engine, blobs, "dog", kind="object", prompts=["dog", "a big cat"])
    again = client.get("/jobs", params={"kind": "reproject"}).json()["items"]
    assert [job["concept"] for job in again] == ["cat"]


def test_what_is_stored_or_under_way_is_told(client: httpx.Client, engine: Engine, blobs: Blobs, model: None) -> None:
    del model
    job = client.post("/concepts/cat/erase", json={"kind": "object"}).json()["id"]
    under_way = preview(client, "cat", kind="object")
    assert (under_way["outcome"], under_way["job"]) == ("under-way", job)
    working.erase(engine, blobs, job)
    assert preview(client, "cat", kind="object")["outcome"] == "nothing"
    assert preview(client, "cat", kind="style")["outcome"] == "job"
    client.delete("/concepts/cat")
    serving = preview(client, "cat", kind="object")
    assert (serving["outcome"], serving["made_again"], serving["measured_later"]) == ("serves-again", [], [])
    assert client.get("/concepts/cat").json()["state"] == "restored"


def test_what_would_be_refused_is_refused(client: httpx.Client, model: None) -> None:
    del model
    client.post("/concepts/cat/erase", json={"kind": "object"})
    busy = client.post("/concepts/cat/preview", json={"kind": "style"})
    assert (busy.status_code, busy.json()["type"]) == (409, "/problems/concept-busy")
    nothing = client.post("/concepts/cat/preview", json={"prompts": [""]})
    assert nothing.json()["errors"][0]["pointer"] == "#/prompts/0"


def test_without_a_card_nobody_can_tell_what_the_model_draws(client: httpx.Client, engine: Engine) -> None:
    working.announce(engine, suggestions={"styles": [], "objects": [], "prompt": ""})
    assert preview(client, "unicorn")["suggested"] is None
    working.announce(engine)
    assert preview(client, "unicorn")["suggested"] is False
    assert preview(client, "cat")["suggested"] is True


def test_protected_prompts_that_share_words_are_named(client: httpx.Client, model: None) -> None:
    del model
    client.put("/protected/brand", json={"prompts": ["the Acme cat", "Acme"]})
    found = preview(client, "grey-cat")
    assert found["shares_words"] == [{"name": "brand", "kind": "protected", "words": ["cat"]}]


def test_each_version_has_its_own_certificate(client: httpx.Client, engine: Engine, blobs: Blobs, model: None) -> None:
    del model
    erased(client, engine, blobs, "cat", kind="object")
    first = client.get("/concepts/cat").json()
    erased(client, engine, blobs, "cat", kind="object", prompts=["cat", "kitten"])
    listed = client.get("/concepts/cat").json()
    for version in listed["versions"]:
        found = client.get(f"/concepts/cat/versions/{version['version']}").json()
        assert {name: found[name] for name in version} == version
    assert client.get("/concepts/cat/versions/1").json()["certificate"] == first["certificate"]
    unknown = client.get("/concepts/cat/versions/3")
    assert (unknown.status_code, unknown.json()["detail"]) == (404, "'cat' has no version 3.")
    assert unknown.json()["remedy"] == "GET /concepts/cat lists its versions."
    assert client.get("/concepts/cat/versions/0").status_code == 422
