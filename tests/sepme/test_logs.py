"""What a whole service logs of a run: what happened and on whose behalf, and nothing of what was said."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from tests.sepme.processes import until
from tests.sepme.service import Service, serving

pytestmark = pytest.mark.slow
KEY = {"Authorization": "Bearer sepme_AAAAAAAAAAAA_MARKEDsecret"}
ASKED = {"X-Request-Id": "asked-17", **KEY}
DOG = {"kind": "object", "prompts": ["a MARKED dog"], "substitute": "heart", "options": {"max_steps": 1}}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("home"), SEPME_LOG_FORMAT="json", SEPME_LOG_LEVEL="debug") as running:
        yield running


def ask(service: Service) -> dict[str, Any]:
    """Everything that may go well or badly, with a mark in whatever is nobody else's; gives the job of a picture."""
    with service.client as client:
        client.headers.update(KEY)
        drawn = client.post("/generate", json={"prompt": "a MARKED cat"}, headers={**ASKED, "Prefer": "wait=60"})
        too_long = {"prompt": "MARKED " * 90, "negative_prompt": "MARKED", "steps": 2}
        assert client.post("/v1/images/generations", json={"prompt": "a MARKED bird", "n": 1}).status_code == 200
        assert client.post("/generate", json=too_long, headers={"Prefer": "wait=60"}).status_code == 200
        assert client.post("/generate", json={"prompt": ["MARKED"]}).status_code == 422
        assert (
            client.post("/generate", content="MARKED", headers={"Content-Type": "application/json"}).status_code == 400
        )
        assert client.get("/nowhere?case=MARKED&reason=MARKED").status_code == 404
        assert client.get("/jobs?cursor=MARKED").status_code == 422
        assert client.post("/concepts/dog/erase", json=DOG, headers={"Prefer": "wait=120"}).status_code == 409
        birds = client.put("/protected/birds", json={"prompts": ["a MARKED bird"]}, headers={"Prefer": "wait=60"})
        assert birds.status_code == 201
        with broken(service):
            refused = client.post("/generate", json={"prompt": "a MARKED fox"}, headers={"X-Request-Id": "refused-18"})
        assert (refused.status_code, refused.json()["request_id"]) == (500, "refused-18")
    job: dict[str, Any] = drawn.json()
    return job


@contextmanager
def broken(service: Service) -> Iterator[None]:
    """No job can be written meanwhile, by a fault that no code expects."""
    with closing(sqlite3.connect(service.home / "registry.sqlite3", isolation_level=None)) as database:
        database.execute("CREATE TRIGGER broken BEFORE INSERT ON jobs BEGIN SELECT RAISE(ABORT, 'by the test'); END")
        try:
            yield
        finally:
            database.execute("DROP TRIGGER broken")


def files(service: Service) -> dict[str, str]:
    """All logs by their names."""
    return {each.name: each.read_text() for each in sorted((service.home / "logs").iterdir())}


def lines(service: Service, child: str) -> list[dict[str, Any]]:
    """A child's log; what is none of its lines fails."""
    return [json.loads(each) for each in service.log(child).splitlines()]


def test_a_request_is_followed_from_its_answer_to_its_picture_and_no_file_holds_a_word_of_it(service: Service) -> None:
    job = ask(service)
    assert (job["state"], job["request_id"]) == ("succeeded", "asked-17")
    until(lambda: "asked-17" in service.log("worker-generate"))
    (answered,) = [each for each in lines(service, "api") if each.get("request_id") == "asked-17"]
    assert "POST /generate HTTP/1.1" in answered["event"]
    done = [each for each in lines(service, "worker-generate") if each.get("request_id") == "asked-17"]
    assert {each["job"] for each in done} == {job["id"]}
    assert any(each["event"] == f"Job {job['id']} is done." for each in done)
    assert done[0]["worker"].startswith("generate@")
    logged = files(service)
    assert {"api.log", "worker-erase.log", "worker-generate.log"} <= set(logged)
    assert [name for name, text in logged.items() if "MARKED" in text] == []
    assert [each["request_id"] for each in lines(service, "api") if "by the test" in each.get("exception", "")] == [
        "refused-18"
    ]
    assert "GET /nowhere HTTP/1.1" in logged["api.log"]
    assert "MARKED" not in service.output


def test_libraries_speak_as_everybody_does(service: Service) -> None:
    said = lines(service, "worker-erase")
    assert {"celery.worker.consumer.connection", "worker.process"} <= {each["logger"] for each in said}
    assert all({"timestamp", "level", "logger", "event", "worker"} <= set(each) for each in said)
