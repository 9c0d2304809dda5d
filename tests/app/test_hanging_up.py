"""Clients that held the line and went away."""

import time

import httpx
import pytest
from sqlalchemy import Engine

from sepme_core.registry.blobs import Blobs
from tests.app import raw, working
from tests.app.running import RunningService

COUNT = "X-Stainless-Retry-Count"


def hang_up_after_asking(service: RunningService, client: httpx.Client, path: str, body: bytes, *headers: str) -> str:
    """Ask with the line held, go once there is a job, and give its id."""
    before = {job["id"] for job in client.get("/jobs").json()["items"]}
    lines = ["Host: localhost", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    with raw.connect(service.port) as connection:
        connection.sendall("\r\n".join([f"POST {path} HTTP/1.1", *lines, "", ""]).encode() + body)
        working.eventually(lambda: len(client.get("/jobs").json()["items"]) > len(before))
    (job_id,) = {job["id"] for job in client.get("/jobs").json()["items"]} - before
    return str(job_id)


def state(client: httpx.Client, job_id: str) -> str:
    return str(client.get(f"/jobs/{job_id}").json()["state"])


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize("path", ["/generate", "/v1/images/generations"])
def test_pictures_that_nobody_waits_for_any_more_are_not_begun(
    service: RunningService, client: httpx.Client, path: str
) -> None:
    job_id = hang_up_after_asking(service, client, path, b'{"prompt": "a cat"}', "Prefer: wait=60")
    working.eventually(lambda: state(client, job_id) == "cancelled")
    assert client.get(f"/jobs/{job_id}").json()["cancelled_by"] == "its client, which hung up before it was begun"


def settled(service: RunningService) -> None:
    """Nothing is being answered any more: whoever hung up has been seen to be gone."""
    measured = service.services.measures.registry
    working.eventually(lambda: measured.get_sample_value("sepme_http_requests_in_flight") == 0)


@pytest.mark.usefixtures("model")
def test_with_a_key_they_may_be_asked_for_again_so_they_are_drawn(
    service: RunningService, client: httpx.Client
) -> None:
    body = b'{"prompt": "a cat"}'
    job_id = hang_up_after_asking(service, client, "/generate", body, "Prefer: wait=60", "Idempotency-Key: k")
    settled(service)
    assert state(client, job_id) == "queued"


def test_an_erasure_goes_on_without_whoever_asked(service: RunningService, client: httpx.Client) -> None:
    job_id = hang_up_after_asking(service, client, "/concepts/cat/erase", b"{}", "Prefer: wait=60")
    settled(service)
    assert state(client, job_id) == "queued"


@pytest.mark.usefixtures("model")
def test_what_a_worker_has_begun_is_finished(service: RunningService, client: httpx.Client, engine: Engine) -> None:
    measured = service.services.measures.registry
    body = b'{"prompt": "a cat"}'
    lines = ["Host: localhost", "Content-Type: application/json", f"Content-Length: {len(body)}", "Prefer: wait=60"]
    with raw.connect(service.port) as connection:
        connection.sendall("\r\n".join(["POST /generate HTTP/1.1", *lines, "", ""]).encode() + body)
        working.eventually(lambda: client.get("/jobs").json()["items"])
        (job,) = client.get("/jobs").json()["items"]
        working.claim(engine, job["id"])
        assert measured.get_sample_value("sepme_http_requests_in_flight") == 1
    settled(service)
    assert state(client, job["id"]) == "running"
    assert not client.get(f"/jobs/{job['id']}").json()["cancel_requested"]


@pytest.mark.usefixtures("model")
def test_a_try_that_another_took_up_is_not_called_off(service: RunningService, client: httpx.Client) -> None:
    body = b'{"prompt": "a cat"}'
    path = "/v1/images/generations"
    lines = ["Host: localhost", "Content-Type: application/json", f"Content-Length: {len(body)}"]

    def ask(number: int) -> bytes:
        return "\r\n".join([f"POST {path} HTTP/1.1", *lines, f"{COUNT}: {number}", "", ""]).encode() + body

    with raw.connect(service.port) as second:
        with raw.connect(service.port) as first:
            first.sendall(ask(0))
            working.eventually(lambda: client.get("/jobs").json()["items"])
            second.sendall(ask(1))
            measured = service.services.measures.registry
            working.eventually(lambda: measured.get_sample_value("sepme_http_requests_in_flight") == 2)
            time.sleep(0.3)  # the second try has found the first one's job
        working.eventually(lambda: measured.get_sample_value("sepme_http_requests_in_flight") == 1)
        (job,) = client.get("/jobs").json()["items"]
        assert job["state"] == "queued", "the second try waits for it"
    working.eventually(lambda: state(client, job["id"]) == "cancelled")


@pytest.mark.usefixtures("model")
def test_what_was_answered_is_not_taken_up_by_a_later_request(
    client: httpx.Client, engine: Engine, blobs: Blobs
) -> None:
    with working.working(engine, blobs):
        for number in ("0", "1"):  # the first try of the second request was lost on its way
            answer = client.post("/v1/images/generations", json={"prompt": "a cat"}, headers={COUNT: number})
            assert answer.status_code == 200
    assert len(client.get("/jobs").json()["items"]) == 2
