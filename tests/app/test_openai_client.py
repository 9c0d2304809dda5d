"""OpenAI's own client, used as its users do, pointed at a service that runs."""

import threading
import time
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from sqlalchemy import Engine

from sepme_core.registry.blobs import Blobs
from tests.app import working
from tests.app.running import RunningService

pytestmark = pytest.mark.usefixtures("model")


def connect(service: RunningService, **options: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{service.url}/v1/", api_key="none is needed yet", **options)


@pytest.fixture
def openai_client(service: RunningService) -> Iterator[openai.OpenAI]:
    with connect(service, timeout=20) as client:
        yield client


def drawn(client: httpx.Client) -> list[dict[str, Any]]:
    jobs: list[dict[str, Any]] = client.get("/jobs?kind=generate").json()["items"]
    return jobs


def test_the_model_is_listed_and_found_by_its_name(openai_client: openai.OpenAI, engine: Engine) -> None:
    name = "stable-diffusion-v1-5/stable-diffusion-v1-5"
    working.announce(engine, name=name, base_digest=working.OTHER_BASE)
    (model,) = openai_client.models.list().data
    assert (model.id, model.object, model.owned_by) == (name, "model", "sepme")
    assert abs(model.created - time.time()) < 3600
    assert openai_client.models.retrieve(name) == model
    with pytest.raises(openai.NotFoundError) as refused:
        openai_client.models.retrieve("dall-e-3")
    assert refused.value.code == "model-not-found"


def test_pictures_are_drawn_with_all_that_clients_send_by_habit(
    openai_client: openai.OpenAI, engine: Engine, blobs: Blobs
) -> None:
    with working.working(engine, blobs):
        pictures = openai_client.images.generate(
            prompt="a cat",
            model="demo",
            n=2,
            size="64x64",
            quality="auto",
            background="opaque",
            moderation="auto",
            output_format="png",
            output_compression=100,
            partial_images=0,
            response_format="b64_json",
            stream=False,
            style=None,
            user="somebody",
            safety_identifier="somebody",
            extra_body={"seed": 7, "frame_count": None},
        )
    assert pictures.data is not None
    assert [b64decode(each.b64_json or "")[:4] for each in pictures.data] == [b"\x89PNG"] * 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("quality", "hd"),
        ("background", "transparent"),
        ("moderation", "low"),
        ("output_format", "jpeg"),
        ("output_compression", 80),
        ("partial_images", 2),
        ("stream", True),
        ("style", "vivid"),
        ("frame_count", 2),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(openai_client: openai.OpenAI, name: str, value: object) -> None:
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        openai_client.images.generate(prompt="a cat", extra_body={name: value})
    assert refused.value.param == name


def test_a_slash_at_the_end_is_followed(openai_client: openai.OpenAI, engine: Engine, blobs: Blobs) -> None:
    with working.working(engine, blobs):
        answer = openai_client.post("/images/generations/", body={"prompt": "a cat"}, cast_to=httpx.Response)
    assert answer is not None


def test_a_client_that_gives_up_and_tries_again_leaves_no_work_behind(
    service: RunningService, client: httpx.Client
) -> None:
    with connect(service, timeout=1) as impatient, pytest.raises(openai.APITimeoutError):
        impatient.images.generate(prompt="a cat")
    working.eventually(lambda: all(job["state"] == "cancelled" for job in drawn(client)))
    assert drawn(client)[0]["cancelled_by"] == "its client, which hung up before it was begun"


def test_a_client_that_tries_again_gets_the_picture_that_is_being_drawn(
    service: RunningService, client: httpx.Client, engine: Engine, blobs: Blobs
) -> None:
    def work() -> None:
        working.eventually(lambda: drawn(client))
        claimed = working.claim(engine, drawn(client)[0]["id"])
        time.sleep(2.5)  # the first try has given up by then
        working.draw_claimed(engine, blobs, claimed)

    worker = threading.Thread(target=work)
    worker.start()
    with connect(service, timeout=2) as impatient:
        pictures = impatient.images.generate(prompt="a cat")
        worker.join()
        (job,) = drawn(client)
        assert job["state"] == "succeeded"
        assert pictures.data is not None
        assert str(pictures.data[0].url).endswith(job["result"]["images"][0]["url"])
        with working.working(engine, blobs):
            impatient.images.generate(prompt="a cat")
    assert len(drawn(client)) == 2, "the same request later is a new one"
