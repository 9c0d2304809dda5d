"""OpenAI's own client, and curl, used as their users do, pointed at a service that runs."""

import asyncio
import json
import subprocess
import threading
import time
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from sqlalchemy import Engine

from sepme_core.provenance import pixels
from sepme_core.registry.blobs import Blobs
from tests.app import working
from tests.app.running import RunningService
from tests.sepme.client.faults import Answered, AnswerLost, Fault, Reset, faulty_line

pytestmark = pytest.mark.usefixtures("model")


def connect(service: RunningService, key: str = "none is needed yet", **options: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{service.url}/v1/", api_key=key, **options)


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
    ("asked", "drawn_in"), [({}, (64, 64)), ({"size": "auto"}, (64, 64)), ({"size": "128x64"}, (128, 64))], ids=str
)
def test_pictures_have_the_size_that_was_asked_for_else_the_models(
    openai_client: openai.OpenAI, engine: Engine, blobs: Blobs, asked: dict[str, Any], drawn_in: tuple[int, int]
) -> None:
    with working.working(engine, blobs):
        pictures = openai_client.images.generate(prompt="a cat", response_format="b64_json", **asked)
    assert pictures.size == f"{drawn_in[0]}x{drawn_in[1]}"
    (read,) = [pixels.read(b64decode(each.b64_json or "")) for each in pictures.data or []]
    assert (read.width, read.height) == drawn_in


@pytest.mark.parametrize(
    ("asked", "parameter"),
    [({"size": "1024x1024"}, "size"), ({"size": "100x64"}, "size"), ({"n": 17}, "n"), ({"n": 0}, "n")],
    ids=str,
)
def test_sizes_and_numbers_that_the_model_does_not_draw_are_refused_by_the_names_of_the_client(
    openai_client: openai.OpenAI, asked: dict[str, Any], parameter: str
) -> None:
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        openai_client.images.generate(prompt="a cat", **asked)
    assert (refused.value.param, refused.value.type) == (parameter, "invalid_request_error")
    assert refused.value.request_id


@pytest.mark.parametrize("asked", [{}, {"response_format": "url"}], ids=str)
def test_each_of_n_pictures_has_an_address_that_answers_with_it(
    openai_client: openai.OpenAI, engine: Engine, blobs: Blobs, asked: dict[str, Any]
) -> None:
    with working.working(engine, blobs):
        pictures = openai_client.images.generate(prompt="a cat", n=3, extra_body={"seed": 7}, **asked)
    assert pictures.data is not None
    assert abs(pictures.created - time.time()) < 3600
    fetched = [httpx.get(str(each.url), trust_env=False) for each in pictures.data]
    assert [answer.headers["content-type"] for answer in fetched] == ["image/png"] * 3
    assert len({pixels.read(answer.content).sha256 for answer in fetched}) == 3
    assert [each.b64_json for each in pictures.data] == [None] * 3


def test_what_is_to_be_missing_goes_in_and_comes_back_as_extensions(
    openai_client: openai.OpenAI, client: httpx.Client, engine: Engine, blobs: Blobs
) -> None:
    working.erase(engine, blobs, client.post("/concepts/cat/erase").json()["id"])
    with working.working(engine, blobs):
        masked = openai_client.images.generate(prompt="a cat", extra_body={"erased": ["cat"], "seed": 7})
        plain = openai_client.images.generate(prompt="a cat", extra_body={"erased": []})
    masks = [[concept["name"] for concept in (each.model_extra or {})["mask"]["concepts"]] for each in (masked, plain)]
    assert masks == [["cat"], []]


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


@pytest.mark.parametrize(
    "faults", [[Answered(503)], [Reset()], [Answered(429, {"Retry-After": "1"}), Reset()]], ids=["503", "reset", "429"]
)
def test_its_own_retries_make_one_job(
    service: RunningService, client: httpx.Client, engine: Engine, blobs: Blobs, faults: list[Fault]
) -> None:
    with faulty_line(service.url) as line, working.working(engine, blobs):
        line.faults[:] = faults
        with openai.OpenAI(base_url=f"{line.url}/v1", api_key="none", timeout=20) as impatient:
            assert impatient.images.generate(prompt="a cat").data
        assert line.headers("X-Stainless-Retry-Count") == [str(number) for number in range(len(faults) + 1)]
    assert len(drawn(client)) == 1


def test_an_answer_that_was_lost_whole_makes_one_job_where_the_request_has_a_key(
    service: RunningService, client: httpx.Client, engine: Engine, blobs: Blobs
) -> None:
    with faulty_line(service.url) as line, working.working(engine, blobs):
        line.faults[:] = [AnswerLost()]
        with openai.OpenAI(base_url=f"{line.url}/v1", api_key="none", timeout=20) as impatient:
            pictures = impatient.images.generate(prompt="a cat", extra_headers={"Idempotency-Key": "2f1c7a4e"})
        assert len(line.seen) == 2
    (job,) = drawn(client)
    assert (pictures.model_extra or {})["job"] == f"/jobs/{job['id']}"


def test_a_job_that_failed_is_not_begun_again_by_retries(
    service: RunningService, client: httpx.Client, engine: Engine
) -> None:
    def work() -> None:
        working.eventually(lambda: drawn(client))
        problem = {"type": "/problems/out-of-memory", "title": "No memory", "status": 507, "detail": "16 do not fit."}
        working.fail(engine, drawn(client)[0]["id"], **problem)

    worker = threading.Thread(target=work)
    worker.start()
    with connect(service, timeout=20) as patient, pytest.raises(openai.InternalServerError) as failed:
        patient.images.generate(prompt="a cat")
    worker.join()
    assert (failed.value.code, failed.value.type, failed.value.status_code) == ("out-of-memory", "server_error", 507)
    assert failed.value.message.startswith("Error code: 507")
    assert "16 do not fit." in failed.value.message
    assert len(drawn(client)) == 1


def test_keys_floors_and_quotas_are_errors_that_the_package_knows(
    service: RunningService, client: httpx.Client, engine: Engine, blobs: Blobs
) -> None:
    working.erase(engine, blobs, client.post("/concepts/cat/erase").json()["id"])
    client.headers["Authorization"] = f"Bearer {made(client, 'ops', ['admin'])}"
    shop = made(client, "shop", ["generate", "mask:choose"], quotas={"pictures_a_minute": 2})
    with connect(service) as stranger, pytest.raises(openai.AuthenticationError) as unknown:
        stranger.models.list()
    assert unknown.value.code == "key-invalid"
    with connect(service, shop, max_retries=0, timeout=20) as customer:
        with pytest.raises(openai.PermissionDeniedError) as below:
            customer.images.generate(prompt="a cat", extra_body={"erased": []})
        assert below.value.code == "below-the-floor"
        with working.working(engine, blobs):
            assert customer.images.generate(prompt="a cat", n=2).data
        with pytest.raises(openai.RateLimitError) as too_many:
            customer.images.generate(prompt="a cat", n=2)
    assert too_many.value.code == "too-many"
    assert int(too_many.value.response.headers["Retry-After"]) >= 1


def made(client: httpx.Client, name: str, scopes: list[str], **body: Any) -> str:
    """A key's text."""
    answer = client.post("/keys", json={"name": name, "scopes": scopes, **body})
    return str(answer.json()["key"])


def test_the_asynchronous_client_does_the_same_at_once(service: RunningService, engine: Engine, blobs: Blobs) -> None:
    async def draw() -> tuple[list[str], list[int], str | None]:
        async with openai.AsyncOpenAI(base_url=f"{service.url}/v1", api_key="none", timeout=20) as connected:
            names = [model.id async for model in connected.models.list()]
            asked = (connected.images.generate(prompt=f"{number} cats", n=number) for number in (1, 2, 3))
            drawn_ = await asyncio.gather(*asked)
            with pytest.raises(openai.UnprocessableEntityError) as refused:
                await connected.images.generate(prompt="a cat", size="1x1")
            return names, [len(each.data or []) for each in drawn_], refused.value.param

    with working.working(engine, blobs):
        assert asyncio.run(draw()) == (["demo"], [1, 2, 3], "size")


CURL = """
set -e
curl -sS "$OPENAI_BASE_URL/models" -H "Authorization: Bearer $OPENAI_API_KEY"
echo
curl -sS "$OPENAI_BASE_URL/images/generations" -H "Authorization: Bearer $OPENAI_API_KEY" \
    -H "Content-Type: application/json" \
    -d '{"model": "demo", "prompt": "a cat", "n": 2, "size": "64x64", "response_format": "b64_json"}'
echo
curl -sS "$OPENAI_BASE_URL/images/generations" -H "Content-Type: application/json" -d '{"prompt": "a cat"}'
echo
curl -sS -w '\n%{http_code}' "$OPENAI_BASE_URL/images/generations" -H "Content-Type: application/json" -d '{"n": 1}'
"""
"""As OpenAI's reference writes it."""


def test_curl_lists_the_model_draws_and_is_told_what_is_wrong(
    service: RunningService, engine: Engine, blobs: Blobs
) -> None:
    environment = {"OPENAI_BASE_URL": f"{service.url}/v1", "OPENAI_API_KEY": "none", "PATH": "/usr/bin:/bin"}
    with working.working(engine, blobs):
        done = subprocess.run(["bash", "-c", CURL], env=environment, capture_output=True, text=True, check=True)
    models, embedded, linked, refused, status = done.stdout.splitlines()
    assert [model["id"] for model in json.loads(models)["data"]] == ["demo"]
    assert [b64decode(each["b64_json"])[:4] for each in json.loads(embedded)["data"]] == [b"\x89PNG"] * 2
    (url,) = [each["url"] for each in json.loads(linked)["data"]]
    fetched = subprocess.run(["curl", "-sSf", url], env=environment, capture_output=True, check=True)
    assert pixels.read(fetched.stdout).width == 64
    assert (json.loads(refused)["error"]["param"], status) == ("prompt", "422")
