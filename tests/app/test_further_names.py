"""One thing, one concept: further names over HTTP, on both databases."""

from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from sqlalchemy import Engine

from sepme_core.documents.requests import PinnedMask
from sepme_core.registry.blobs import Blobs
from sepme_core.settings import Settings
from tests.app import working

pytestmark = pytest.mark.usefixtures("model")

CAT = {"kind": "object", "prompts": ["cat", "a cat"]}


@pytest.fixture
def settings(
    environment_without_settings: None, tmp_path: Path, database_url: str, broker_url: str, blob_url: str
) -> Settings:
    del environment_without_settings
    return Settings(home=tmp_path / "home", database_url=database_url, broker_url=broker_url, blob_url=blob_url)


@pytest.fixture
def cat(client: httpx.Client, engine: Engine, blobs: Blobs, model: None) -> None:
    """The concept cat is erased, and a-cat is a further name of it."""
    del model  # it need only be there
    working.erase(engine, blobs, erase(client, "cat", CAT).json()["id"])
    assert erase(client, "a-cat", {"same_as": "cat"}).status_code == 200


def erase(client: httpx.Client, name: str, body: dict[str, Any] | None = None) -> httpx.Response:
    return client.post(f"/concepts/{name}/erase", json=body or {})


def refused(answer: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    problem: dict[str, Any] = answer.json()
    assert (answer.status_code, problem["type"]) == (status, f"/problems/{slug}")
    return problem


@pytest.mark.usefixtures("cat")
def test_a_further_name_with_more_wordings_makes_its_concept_anew(
    client: httpx.Client, engine: Engine, blobs: Blobs
) -> None:
    answer = erase(client, "kitty", {"same_as": "a-cat", "prompts": ["a kitty"]})
    job = answer.json()
    assert (answer.status_code, job["concept"]) == (202, "cat")
    assert (job["request"]["name"], job["request"]["prompts"]) == ("cat", ["cat", "a cat", "a kitty"])
    assert "same_as" not in job["request"]
    working.erase(engine, blobs, job["id"])
    document = client.get("/concepts/kitty").json()
    assert (document["name"], document["version"]) == ("cat", 2)
    assert [(one["name"], one["prompts"]) for one in document["further_names"]] == [
        ("a-cat", ["a cat"]),
        ("kitty", ["a kitty"]),
    ]
    assert client.get("/concepts").json()["items"] == [document]
    assert erase(client, "kitty").status_code == 202, "its name is another wording"


@pytest.mark.usefixtures("cat")
def test_a_further_name_answers_as_its_concept(client: httpx.Client, engine: Engine) -> None:
    named, own = client.get("/concepts/a-cat"), client.get("/concepts/cat")
    assert (named.json(), named.headers["etag"]) == (own.json(), own.headers["etag"])
    assert own.json()["job"] is None
    lora = client.get("/concepts/a-cat/lora")
    assert refused(lora, 500, "increment-damaged"), "it was found; the test's increment is none"
    job = client.post("/generate", json={"prompt": "a", "erased": ["a-cat", "cat"]}).json()
    pinned = cast("PinnedMask", working.claim(engine, job["id"]).pinned)["mask"]["concepts"]
    assert [concept["name"] for concept in pinned] == ["cat"]


def test_a_mask_that_is_being_made_is_named_as_the_client_did(client: httpx.Client) -> None:
    job_id = erase(client, "cat", CAT).json()["id"]
    assert erase(client, "a-cat", {"same_as": "cat"}).json()["id"] == job_id
    problem = refused(client.post("/generate", json={"prompt": "a", "erased": ["a-cat"]}), 409, "concept-in-progress")
    assert (problem["concepts"], problem["jobs"]) == (["a-cat"], {"a-cat": f"/jobs/{job_id}"})
    lora = refused(client.get("/concepts/a-cat/lora"), 409, "concept-never-erased")
    assert lora["job"] == f"/jobs/{job_id}"


@pytest.mark.usefixtures("cat")
def test_a_further_name_is_withdrawn_but_not_restored(client: httpx.Client) -> None:
    problem = refused(client.delete("/concepts/a-cat"), 409, "further-name")
    assert (problem["name"], problem["concept"]) == ("a-cat", "cat")
    assert "DELETE /concepts/cat)" in problem["remedy"]
    assert "DELETE /concepts/a-cat?purge=true" in problem["remedy"]
    assert client.get("/concepts/cat").json()["state"] == "erased"
    assert client.delete("/concepts/a-cat?purge=true").status_code == 204
    assert client.get("/concepts/a-cat").status_code == 404
    assert client.get("/concepts/cat").json()["further_names"] == []


@pytest.mark.usefixtures("cat")
def test_a_concept_of_its_own_is_purged_before_it_becomes_a_further_name(
    client: httpx.Client, engine: Engine, blobs: Blobs
) -> None:
    working.erase(engine, blobs, erase(client, "puss").json()["id"])
    problem = refused(erase(client, "puss", {"same_as": "cat"}), 409, "concept-of-its-own")
    assert (problem["concept"], problem["same_as"]) == ("puss", "cat")
    assert "DELETE /concepts/puss?purge=true" in problem["remedy"]
    assert client.delete("/concepts/puss?purge=true").status_code == 204
    assert erase(client, "puss", {"same_as": "cat"}).json()["concept"] == "cat"


def test_nothing_is_a_further_name_of_what_was_never_erased(client: httpx.Client, engine: Engine) -> None:
    assert refused(erase(client, "a-cat", {"same_as": "cat"}), 404, "concept-not-found")["concept"] == "cat"
    problem = {"type": "/problems/concept-not-drawn", "title": "Not drawn", "status": 409, "detail": "it is not"}
    working.fail(engine, erase(client, "cat").json()["id"], **problem)
    assert refused(erase(client, "a-cat", {"same_as": "cat"}), 409, "concept-never-erased")["concept"] == "cat"


@pytest.mark.usefixtures("cat")
@pytest.mark.parametrize("body", [{"same_as": "cat"}, {"same_as": "a-cat"}])
def test_a_concept_is_no_further_name_of_itself(client: httpx.Client, body: dict[str, str]) -> None:
    problem = refused(erase(client, "cat", body), 422, "invalid-request")
    assert [error["pointer"] for error in problem["errors"]] == ["#/same_as"]
    several = client.post("/erasures", json={"concepts": [{"name": "dog"}, {"name": "cat", **body}]})
    problem = refused(several, 422, "invalid-request")
    assert [error["pointer"] for error in problem["errors"]] == ["#/concepts/1/same_as"]


@pytest.mark.usefixtures("cat")
@pytest.mark.parametrize(
    ("entry", "field"), [({"name": "a-cat"}, "name"), ({"name": "puss", "same_as": "cat"}, "same_as")]
)
def test_several_erasures_cannot_come_to_one_concept(client: httpx.Client, entry: dict[str, str], field: str) -> None:
    answer = client.post("/erasures", json={"concepts": [{"name": "dog"}, {"name": "cat"}, entry]})
    problem = refused(answer, 422, "invalid-request")
    assert [error["pointer"] for error in problem["errors"]] == [f"#/concepts/2/{field}"]
    assert client.get("/concepts/dog").status_code == 404


@pytest.mark.usefixtures("cat")
def test_one_of_several_erasures_may_be_of_a_further_name(client: httpx.Client) -> None:
    body = {"concepts": [{"name": "puss", "same_as": "cat"}, {"name": "dog", "substitute": "a cat"}]}
    items = client.post("/erasures", json=body).json()["items"]
    assert [(job["concept"], job["request"]["substitute"]) for job in items] == [("cat", None), ("dog", "a cat")]


@pytest.mark.usefixtures("cat")
def test_the_audit_tells_of_further_names(client: httpx.Client) -> None:
    client.delete("/concepts/a-cat?purge=true")
    told = client.get("/audit", params={"concept": "cat"}).json()["items"]
    assert [entry["action"] for entry in told] == ["erase", "further-name", "withdraw-further-name"]
