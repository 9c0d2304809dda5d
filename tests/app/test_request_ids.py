import re

import httpx
import pytest
from sqlalchemy import Engine

from sepme_core.registry import jobs
from sepme_core.settings import Settings
from tests.app import raw, working
from tests.app.running import RunningService
from tests.logged import logged

SENT = {"X-Request-Id": "ours/17"}


@pytest.mark.parametrize(
    ("method", "path", "sent", "status"),
    [
        ("GET", "/concepts", {}, 200),
        ("HEAD", "/livez", {}, 200),
        ("GET", "/nowhere", {}, 404),
        ("PATCH", "/concepts", {}, 405),
        ("GET", "/concepts/", {}, 308),
        ("POST", "/generate", {"json": {}}, 422),
        ("POST", "/generate", {"json": ["x" * 2_000_000]}, 413),
        ("GET", "/livez", {"headers": {"Host": "elsewhere.example"}}, 421),
    ],
)
def test_every_answer_has_the_id_that_its_request_was_sent_with(
    client: httpx.Client, method: str, path: str, sent: dict[str, dict[str, str]], status: int
) -> None:
    headers = {**sent.get("headers", {}), **SENT}
    answer = client.request(method, path, json=sent.get("json"), headers=headers)
    assert (answer.status_code, answer.headers.get_list("x-request-id")) == (status, ["ours/17"])


@pytest.mark.parametrize("headers", [[], [("X-Request-Id", "a;b")], [("X-Request-Id", "a"), ("X-Request-Id", "b")]])
def test_a_request_without_an_id_of_use_is_given_one(client: httpx.Client, headers: list[tuple[str, str]]) -> None:
    first, second = (client.get("/livez", headers=headers).headers["x-request-id"] for _ in range(2))
    assert re.fullmatch("[0-9a-f]{32}", first)
    assert first != second


def test_what_is_no_request_is_answered_with_an_id_too(service: RunningService) -> None:
    answer = raw.send(service.port, b"nonsense\r\n\r\n")
    assert answer is not None
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])


def test_a_job_keeps_the_id_of_its_request_alone_in_a_list_and_on_its_stream(
    client: httpx.Client, engine: Engine, model: None
) -> None:
    del model
    job = client.post("/generate", json={"prompt": "a cat"}, headers=SENT).json()
    other = client.post("/generate", json={"prompt": "a dog"}).json()
    assert job["request_id"] == client.get(f"/jobs/{job['id']}").json()["request_id"] == "ours/17"
    listed = {each["id"]: each["request_id"] for each in client.get("/jobs").json()["items"]}
    assert listed[job["id"]] == "ours/17" != listed[other["id"]]
    assert working.claim(engine, job["id"]).request_id == "ours/17"
    client.post(f"/jobs/{other['id']}/cancel")
    with client.stream("GET", f"/jobs/{other['id']}/events", headers=SENT) as answer:
        assert answer.headers["x-request-id"] == "ours/17"


def test_an_error_nobody_foresaw_is_logged_under_the_id_without_what_was_asked_for(
    client: httpx.Client, settings: Settings, model: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_asked: object, **named: object) -> None:
        raise RuntimeError(f"cannot do {named['request']!r}, of all things")

    del model
    monkeypatch.setattr(jobs, "enqueue", fail)
    with logged(settings) as written:
        answer = client.post("/generate", json={"prompt": "it's MARKED"}, headers=SENT)
    document = answer.json()
    assert (answer.status_code, document["request_id"]) == (500, "ours/17")
    assert f"incident {document['incident']}" in written.getvalue()
    assert "of all things" in written.getvalue()
    assert "[request ours/17]" in written.getvalue()
    assert "MARKED" not in written.getvalue()
