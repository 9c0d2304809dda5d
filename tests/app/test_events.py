import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from app.jobs import waiting
from sepme_core.registry.blobs import Blobs
from tests.app import working
from tests.app.running import RunningService

Event = dict[str, Any]


def parse(lines: Iterator[str]) -> Iterator[Event]:
    """Events as a browser reads them; comments as events of their own."""
    event: Event = {}
    for line in lines:
        if not line and event:
            yield event
            event = {}
        elif line:
            name, _, value = line.partition(":")
            event[name or "comment"] = value.removeprefix(" ")


def follow(client: httpx.Client, job_id: str, last: str | None = None) -> list[Event]:
    headers = {"Last-Event-ID": last} if last is not None else {}
    with client.stream("GET", f"/jobs/{job_id}/events", headers=headers) as answer:
        assert answer.status_code == 200, answer.read()
        return [event for event in parse(answer.iter_lines()) if "event" in event]


@pytest.fixture
def job_id(client: httpx.Client, model: None) -> str:
    del model  # it need only be there
    found: str = client.post("/concepts/cat/erase").json()["id"]
    return found


@pytest.fixture
def finished_job_id(job_id: str, engine: Engine, blobs: Blobs) -> str:
    """A job with three events of progress that then succeeded at its second attempt."""
    claimed = working.claim(engine, job_id, lease_seconds=0.001)
    for step in (1, 2, 3):
        working.report(engine, claimed, step)
    working.erase(engine, blobs, job_id)
    return job_id


def test_a_finished_job_is_told_from_the_beginning_and_the_stream_ends(
    client: httpx.Client, finished_job_id: str
) -> None:
    told = follow(client, finished_job_id)
    assert [event["event"] for event in told] == ["progress", "progress", "progress", "succeeded"]
    assert [event["id"] for event in told] == ["1", "2", "3", "4"]
    assert json.loads(told[1]["data"]) == {"step": 2, "of": 10, "message": "correlation 0.002"}
    assert client.get(f"/jobs/{finished_job_id}").json() == {**json.loads(told[-1]["data"]), "position": None}


def test_what_came_after_the_last_event_is_told_again(client: httpx.Client, finished_job_id: str) -> None:
    assert [event["id"] for event in follow(client, finished_job_id, "2")] == ["3", "4"]


@pytest.mark.parametrize("last", ["4", "999"])
def test_where_nothing_will_follow_browsers_are_told_not_to_come_again(
    client: httpx.Client, finished_job_id: str, last: str
) -> None:
    answer = client.get(f"/jobs/{finished_job_id}/events", headers={"Last-Event-ID": last})
    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize("last", ["-1", "one", "9" * 12])
def test_a_last_event_that_cannot_be_one(client: httpx.Client, job_id: str, last: str) -> None:
    answer = client.get(f"/jobs/{job_id}/events", headers={"Last-Event-ID": last})
    assert (answer.status_code, answer.json()["errors"][0]["name"]) == (422, "Last-Event-ID")


def test_events_arrive_as_they_happen(client: httpx.Client, engine: Engine, job_id: str) -> None:
    claimed = working.claim(engine, job_id)
    with client.stream("GET", f"/jobs/{job_id}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-accel-buffering"] == "no"
        told = parse(answer.iter_lines())
        assert "retry" in next(told)
        for step in (1, 2):
            working.report(engine, claimed, step)
            event = next(told)
            assert (event["event"], json.loads(event["data"])["step"]) == ("progress", step)
        client.post(f"/jobs/{job_id}/cancel")
        threading.Timer(0.2, working.report, (engine, claimed, 3)).start()
        assert next(told)["id"] == "3"


@pytest.mark.parametrize(("state", "kind"), [("failed", "failed"), ("cancelled", "cancelled")])
def test_the_last_event_tells_how_it_ended(
    client: httpx.Client, engine: Engine, job_id: str, state: str, kind: str
) -> None:
    if state == "failed":
        working.fail(engine, job_id, type="/problems/no-capacity", title="Full", status=409, detail="no room")
    else:
        client.post(f"/jobs/{job_id}/cancel")
    last = follow(client, job_id)[-1]
    assert (last["event"], json.loads(last["data"])["state"]) == (kind, state)


def test_a_silent_stream_is_kept_alive(client: httpx.Client, job_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "KEEP_ALIVE_SECONDS", 0.2)
    with client.stream("GET", f"/jobs/{job_id}/events") as answer:
        told = parse(answer.iter_lines())
        next(told)
        assert [next(told)["comment"] for _ in range(2)] == ["keep-alive", "keep-alive"]


def test_a_client_that_hangs_up_ends_its_stream(service: RunningService, client: httpx.Client, job_id: str) -> None:
    with service.client() as other, other.stream("GET", f"/jobs/{job_id}/events") as answer:
        lines = answer.iter_lines()
        next(lines)
        assert "sepme_http_requests_in_flight 2.0" in client.get("/metrics").text
    working.eventually(lambda: "sepme_http_requests_in_flight 1.0" in client.get("/metrics").text)
