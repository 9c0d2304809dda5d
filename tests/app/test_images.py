import hashlib
import io
from typing import Any

import httpx
import pytest
from PIL import Image
from sqlalchemy import Engine

from app.headers import negotiate
from sepme_core.registry.blobs import Blobs
from tests.app import working
from tests.app.running import RunningService

PNG, JSON = "image/png", "application/json"


@pytest.fixture
def picture(client: httpx.Client, engine: Engine, blobs: Blobs, model: None) -> dict[str, Any]:
    """A finished picture, as it is listed in the result of its job."""
    del model  # it need only be there
    job_id = client.post("/generate", json={"prompt": "a cat", "seed": 7}).json()["id"]
    working.draw(engine, blobs, job_id)
    found: dict[str, Any] = client.get(f"/jobs/{job_id}").json()["result"]["images"][0]
    return found


@pytest.mark.parametrize("accept", [None, "*/*", "image/*", "image/png", "image/avif,image/webp,*/*;q=0.8"])
def test_a_picture_is_a_png(client: httpx.Client, picture: dict[str, Any], accept: str | None) -> None:
    answer = client.get(picture["url"], headers={"Accept": accept} if accept else {})
    assert (answer.status_code, answer.headers["content-type"]) == (200, PNG)
    pixels = Image.open(io.BytesIO(answer.content)).convert("RGB")
    assert pixels.size == (picture["width"], picture["height"])
    assert picture["sha256"] == "sha256:" + hashlib.sha256(pixels.tobytes()).hexdigest()


def test_the_record_of_a_picture_is_json(client: httpx.Client, picture: dict[str, Any]) -> None:
    answer = client.get(picture["url"], headers={"Accept": JSON})
    record = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (200, JSON)
    assert record.items() >= picture.items()
    assert record["record"]["seed"] == 7
    assert record["signed"] is False
    assert record["base_digest"] == working.BASE
    assert record["mask"]["concepts"] == []
    assert client.get(record["job"]).json()["result"]["images"] == [picture]


@pytest.mark.usefixtures("model")
def test_a_picture_says_in_batches_of_which_sizes_it_is_made_again(
    client: httpx.Client, engine: Engine, blobs: Blobs
) -> None:
    working.erase(engine, blobs, client.post("/concepts/cat/erase").json()["id"])
    job = client.post("/generate", json={"prompt": "a cat", "count": 3, "steps": 4}).json()
    spans = [{"size": 4, "steps": 3}, {"size": 8, "steps": 1}]
    working.draw(engine, blobs, job["id"], batches=spans)
    client.delete("/concepts/cat")
    third = client.get(f"/jobs/{job['id']}").json()["result"]["images"][2]
    document = client.get(third["url"], headers={"Accept": JSON}).json()
    assert document["signed"] is True
    replay = document["replay"]
    assert replay["row"] == 0
    again = client.post("/generate", json=replay["request"]).json()
    asked = {**job["request"], "erased": ["cat"], "seed": third["seed"], "count": 1, "batches": spans}
    assert again["request"] == asked
    working.draw(engine, blobs, again["id"], batches=spans)
    (made,) = client.get(f"/jobs/{again['id']}").json()["result"]["images"]
    assert {**made, "id": "", "url": ""} == {**third, "id": "", "url": ""}


@pytest.mark.usefixtures("model")
def test_a_picture_of_an_earlier_release_is_made_again_with_its_whole_batch(
    client: httpx.Client, engine: Engine, blobs: Blobs
) -> None:
    """Its record names no sizes: all pictures of its request were drawn in one batch."""
    working.erase(engine, blobs, client.post("/concepts/cat/erase").json()["id"])
    job = client.post("/generate", json={"prompt": "a cat", "count": 3, "steps": 4}).json()
    working.draw(engine, blobs, job["id"])
    third = client.get(f"/jobs/{job['id']}").json()["result"]["images"][2]
    replay = client.get(third["url"], headers={"Accept": JSON}).json()["replay"]
    assert replay["row"] == 2
    again = client.post("/generate", json=replay["request"]).json()
    assert again["request"] == {**job["request"], "erased": ["cat"], "batches": [{"size": 3, "steps": 4}]}
    working.draw(engine, blobs, again["id"])
    result = client.get(f"/jobs/{again['id']}").json()["result"]
    assert {**result["images"][replay["row"]], "id": "", "url": ""} == {**third, "id": "", "url": ""}


@pytest.mark.parametrize(
    ("batches", "pointer"),
    [
        ([], "#/batches"),
        ([{"size": 17, "steps": 1}], "#/batches/0/size"),
        ([{"size": 0, "steps": 1}], "#/batches/0/size"),
        ([{"size": 4, "steps": 2}, {"size": 4}], "#/batches/1/steps"),
        ([{"size": 4, "steps": 2, "row": 1}], "#/batches/0/row"),
    ],
)
def test_sizes_of_batches_that_there_are_not_are_named(client: httpx.Client, batches: object, pointer: str) -> None:
    answer = client.post("/generate", json={"prompt": "a cat", "batches": batches})
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_pictures_that_were_drawn_to_look_at_an_erasure_are_no_request_of_anybody(
    client: httpx.Client, engine: Engine, blobs: Blobs
) -> None:
    working.erase(engine, blobs, client.post("/concepts/cat/erase").json()["id"], evidence=True)
    (first, *_) = client.get("/concepts/cat").json()["certificate"]["pictures"]
    assert client.get(first["url"], headers={"Accept": JSON}).json()["replay"] is None


@pytest.mark.parametrize("accept", [PNG, JSON])
def test_a_picture_never_changes(client: httpx.Client, picture: dict[str, Any], accept: str) -> None:
    first = client.get(picture["url"], headers={"Accept": accept})
    assert first.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert first.headers["vary"] == "Accept"
    tag = first.headers["etag"]
    for held in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        again = client.get(picture["url"], headers={"Accept": accept, "If-None-Match": held})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert client.get(picture["url"], headers={"Accept": accept, "If-None-Match": '"other"'}).status_code == 200


def test_the_picture_and_its_record_have_different_tags(client: httpx.Client, picture: dict[str, Any]) -> None:
    tags = {client.get(picture["url"], headers={"Accept": accept}).headers["etag"] for accept in (PNG, JSON)}
    assert len(tags) == 2


def test_there_is_no_other_representation(client: httpx.Client, picture: dict[str, Any]) -> None:
    answer = client.get(picture["url"], headers={"Accept": "text/html"})
    assert (answer.status_code, answer.json()["type"]) == (406, "/problems/not-acceptable")
    assert answer.json()["available"] == [PNG, JSON]


def test_bytes_that_were_deleted(client: httpx.Client, blobs: Blobs, picture: dict[str, Any]) -> None:
    record = client.get(picture["url"], headers={"Accept": JSON}).json()
    blobs.delete(record["digest"])
    answer = client.get(picture["url"])
    assert (answer.status_code, answer.json()["type"]) == (410, "/problems/image-gone")
    assert client.get(picture["url"], headers={"Accept": JSON}).json() == record


def test_bytes_that_were_damaged(service: RunningService, client: httpx.Client, picture: dict[str, Any]) -> None:
    digest = client.get(picture["url"], headers={"Accept": JSON}).json()["digest"].removeprefix("sha256:")
    folder = service.services.settings.blob_url.removeprefix("file://")
    with open(f"{folder}/{digest[:2]}/{digest[2:]}", "ab") as file:  # noqa: PTH123
        file.write(b"!")
    answer = client.get(picture["url"])
    assert (answer.status_code, answer.json()["type"]) == (500, "/problems/image-damaged")


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, PNG),
        ("", PNG),
        ("application/json", JSON),
        ("Application/JSON; charset=utf-8", JSON),
        ("image/png;q=0.5, application/json", JSON),
        ("application/json;q=0.5, image/png;q=0.5", PNG),
        ("*/*;q=0.1, application/json;q=0.2", JSON),
        ("image/*;q=0, */*", JSON),
        ("image/png;q=0", None),
        ("image/png;q=x", None),
        ("text/html", None),
        ("application/*", JSON),
    ],
)
def test_the_representation_of_the_highest_quality_is_chosen(accept: str | None, chosen: str | None) -> None:
    assert negotiate(accept, (PNG, JSON)) == chosen
