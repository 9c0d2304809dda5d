from base64 import b64decode
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from sepme_core.registry.blobs import Blobs
from tests.app import working

PATH = "/v1/images/generations"


def post(client: httpx.Client, engine: Engine, blobs: Blobs, **body: Any) -> httpx.Response:
    with working.working(engine, blobs):
        return client.post(PATH, json={"prompt": "a cat", **body})


@pytest.mark.usefixtures("model")
def test_the_line_is_held_and_the_pictures_have_urls(client: httpx.Client, engine: Engine, blobs: Blobs) -> None:
    answer = post(client, engine, blobs, n=2, size="64x64", seed=7, model="demo", user="somebody")
    images = answer.json()
    assert answer.status_code == 200, answer.text
    assert isinstance(images["created"], int)
    assert [image["seed"] for image in images["data"]] == [7, 8]
    assert images["size"] == "64x64"
    for image in images["data"]:
        assert image["url"].startswith(str(client.base_url))
        assert client.get(image["url"]).headers["content-type"] == "image/png"


@pytest.mark.usefixtures("model")
def test_the_pictures_bytes_in_base64(client: httpx.Client, engine: Engine, blobs: Blobs) -> None:
    images = post(client, engine, blobs, response_format="b64_json").json()
    job = client.get(images["job"]).json()
    assert b64decode(images["data"][0]["b64_json"]) == client.get(job["result"]["images"][0]["url"]).content
    assert "url" not in images["data"][0]


@pytest.mark.usefixtures("model")
def test_the_extensions_reach_the_job(client: httpx.Client, engine: Engine, blobs: Blobs) -> None:
    working.erase(engine, blobs, client.post("/concepts/cat/erase").json()["id"])
    images = post(client, engine, blobs, erased=["cat"], steps=3, guidance_scale=2, size="auto").json()
    request = client.get(images["job"]).json()["request"]
    assert (request["steps"], request["guidance_scale"], request["width"]) == (3, 2, 64)
    assert [concept["name"] for concept in images["mask"]["concepts"]] == ["cat"]


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"n": 17}, "#/n"),
        ({"size": "100x64"}, "#/size"),
        ({"size": "big"}, "#/size"),
        ({"response_format": "jpeg"}, "#/response_format"),
        ({"quality": "hd"}, "#/quality"),
        ({"steps": 1000}, "#/steps"),
    ],
)
def test_fields_that_do_not_fit_are_named_as_the_client_named_them(
    client: httpx.Client, body: dict[str, Any], pointer: str
) -> None:
    answer = client.post(PATH, json={"prompt": "a", **body})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    assert answer.json()["error"]["param"] == pointer.removeprefix("#/")


@pytest.mark.usefixtures("model")
def test_another_model_than_the_one_served(client: httpx.Client) -> None:
    answer = client.post(PATH, json={"prompt": "a", "model": "dall-e-3"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model-not-found")
    assert answer.json()["served"] == "demo"


@pytest.mark.usefixtures("model")
def test_pictures_that_are_not_finished_in_time(client: httpx.Client) -> None:
    answer = client.post(PATH, json={"prompt": "a"}, headers={"Prefer": "wait=1"})
    assert (answer.status_code, answer.json()["error"]["type"]) == (504, "server_error")
    assert client.get(answer.json()["job"]).json()["state"] == "queued"


@pytest.mark.usefixtures("model")
def test_a_job_that_fails_is_an_error_in_both_shapes(client: httpx.Client, engine: Engine) -> None:
    job = client.post("/generate", json={"prompt": "a"}).json()
    key = {"Idempotency-Key": "k"}
    first = client.post(PATH, json={"prompt": "a"}, headers={**key, "Prefer": "wait=0"})
    assert first.json()["job"] != f"/jobs/{job['id']}"
    problem = {"type": "/problems/internal-error", "title": "Wrong", "status": 500, "detail": "out of memory"}
    working.fail(engine, first.json()["job"].removeprefix("/jobs/"), **problem)
    answer = client.post(PATH, json={"prompt": "a"}, headers=key)
    assert (answer.status_code, answer.json()["detail"]) == (500, "out of memory")
    assert answer.json()["error"]["code"] == "internal-error"
