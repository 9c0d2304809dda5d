"""Two keys ask for the same: who is answered with a job sees it, and is told nothing that the other said of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from sepme_core.registry.blobs import Blobs
from sepme_core.settings import Settings
from tests.app import working
from tests.app.running import RunningService

FIRST = {"case": "F-1", "reason": "a notice by the first"}
SECOND = {"case": "S-1", "reason": "a notice by the second"}


@pytest.fixture
def settings(
    environment_without_settings: None, tmp_path: Path, database_url: str, broker_url: str, blob_url: str
) -> Settings:
    del environment_without_settings
    return Settings(home=tmp_path / "home", database_url=database_url, broker_url=broker_url, blob_url=blob_url)


Holder = Callable[..., httpx.Client]


@pytest.fixture
def holder(client: httpx.Client, service: RunningService, request: pytest.FixtureRequest, model: None) -> Holder:
    """Makes a key, and a client that has it."""
    del model  # it need only be there
    bearer = {
        "Authorization": f"Bearer {client.post('/keys', json={'name': 'ops', 'scopes': ['admin']}).json()['key']}"
    }

    def make(name: str, *scopes: str) -> httpx.Client:
        made = client.post("/keys", json={"name": name, "scopes": scopes, "floor": "none"}, headers=bearer)
        other = service.client()
        request.addfinalizer(other.close)
        other.headers.update({"Authorization": f"Bearer {made.json()['key']}"})
        return other

    return make


@pytest.fixture
def first(holder: Holder) -> httpx.Client:
    return holder("first", "concepts:write", "protected:write")


@pytest.fixture
def second(holder: Holder) -> httpx.Client:
    return holder("second", "concepts:write", "protected:write")


@pytest.fixture
def third(holder: Holder) -> httpx.Client:
    return holder("third", "concepts:write", "protected:write")


def erase(one: httpx.Client, **grounds: str) -> Any:
    answer = one.post("/concepts/cat/erase", json=grounds)
    assert answer.status_code == 202, answer.text
    return answer.json()


def erase_together(one: httpx.Client, **grounds: str) -> Any:
    answer = one.post("/erasures", json={"concepts": [{"name": "cat"}, {"name": "dog"}], "joint": True, **grounds})
    assert answer.status_code == 202, answer.text
    return answer.json()["items"][0]


def protect(one: httpx.Client, **grounds: str) -> Any:
    answer = one.put("/protected/acme", json={"prompts": ["a very " * 100 + "long brand"], **grounds})
    assert answer.status_code == 202, answer.text
    return answer.json()


ASKING = [erase, erase_together, protect]


def listed(one: httpx.Client, **query: str) -> list[Any]:
    items: list[Any] = one.get("/jobs", params=query).json()["items"]
    return items


@pytest.mark.parametrize("ask", ASKING)
def test_who_is_answered_with_the_job_of_another_sees_it_wherever_jobs_are(
    first: httpx.Client, second: httpx.Client, third: httpx.Client, ask: Any
) -> None:
    made, answered = ask(first, **FIRST), ask(second, **SECOND)
    assert made["id"] == answered["id"]
    path = f"/jobs/{made['id']}"
    assert [each.get(path).status_code for each in (first, second, third)] == [200, 200, 404]
    assert [made["id"] in [job["id"] for job in listed(each)] for each in (first, second, third)] == [True, True, False]
    assert third.get(f"{path}/events").status_code == 404
    assert [len(listed(second, case=case)) > 0 for case in ("S-1", "F-1")] == [True, False]
    assert [len(listed(first, case=case)) > 0 for case in ("S-1", "F-1")] == [False, True]


@pytest.mark.parametrize("ask", ASKING)
def test_each_is_told_the_case_the_reason_and_the_request_that_were_its_own(
    first: httpx.Client, second: httpx.Client, ask: Any
) -> None:
    second.headers["X-Request-Id"] = "second-request-0001"
    first.headers["X-Request-Id"] = "first-request-0001"
    ask(first, **FIRST)
    answered = ask(second, **SECOND)
    same = [job for job in listed(second) if job["id"] == answered["id"]]
    for told in (answered, second.get(f"/jobs/{answered['id']}").json(), *same):
        assert (told["case"], told["reason"]) == (SECOND["case"], SECOND["reason"])
        assert told["request_id"] == "second-request-0001"
        assert "first" not in json.dumps(told)
    own = first.get(f"/jobs/{answered['id']}").json()
    assert (own["case"], own["reason"], own["request_id"]) == (FIRST["case"], FIRST["reason"], "first-request-0001")


def test_who_said_nothing_is_told_nothing_and_of_who_asks_again_the_later_grounds_stand(
    first: httpx.Client, second: httpx.Client
) -> None:
    erase(first, **FIRST)
    assert (erase(second)["case"], erase(second)["reason"]) == (None, None)
    assert erase(second, **SECOND)["case"] == "S-1"
    assert erase(second)["case"] == "S-1"
    assert len(listed(second)) == 1


def test_who_sees_all_jobs_is_told_what_was_said_when_they_were_made_and_finds_them_by_either_case(
    first: httpx.Client, second: httpx.Client, holder: Holder
) -> None:
    erase(first, **FIRST)
    erase(second, **SECOND)
    every = holder("every", "jobs:read")
    assert [[job["case"] for job in listed(every, case=case)] for case in ("F-1", "S-1", "none")] == [
        ["F-1"],
        ["F-1"],
        [],
    ]


def test_the_events_of_a_job_end_with_what_the_one_who_follows_may_see(
    first: httpx.Client, second: httpx.Client, engine: Engine, blobs: Blobs
) -> None:
    job = erase(first, **FIRST)
    erase(second, **SECOND)
    working.erase(engine, blobs, job["id"])
    ends = {each: each.get(f"/jobs/{job['id']}/events").text for each in (first, second)}
    assert '"case": "F-1"' in ends[first]
    assert '"case": "S-1"' in ends[second]
    assert all("event: succeeded" in end for end in ends.values())


def test_an_incident_is_told_under_the_request_of_who_is_answered(
    first: httpx.Client, second: httpx.Client, engine: Engine
) -> None:
    job = first.post("/concepts/cat/erase", headers={"X-Request-Id": "first-request-0001"}).json()
    second.post("/concepts/cat/erase", headers={"X-Request-Id": "second-request-0001"})
    problem = {"type": "/problems/internal-error", "title": "", "status": 500, "detail": "", "incident": "0"}
    working.fail(engine, job["id"], **problem, request_id="first-request-0001")
    for one, named in ((first, "first-request-0001"), (second, "second-request-0001")):
        told = [one.get(f"/jobs/{job['id']}").json(), *listed(one)]
        assert [each["problem"]["request_id"] for each in told] == [named, named]


def test_it_stays_with_who_made_a_job_or_admin_to_cancel_it(
    first: httpx.Client, second: httpx.Client, holder: Holder
) -> None:
    job = erase(first)
    erase(second)
    refused = second.post(f"/jobs/{job['id']}/cancel")
    assert (refused.status_code, refused.json()["needed"]) == (403, ["admin"])
    assert first.get(f"/jobs/{job['id']}").json()["state"] == "queued"
    assert holder("chief", "admin").post(f"/jobs/{job['id']}/cancel").status_code == 202
    assert second.get(f"/jobs/{job['id']}").json()["state"] == "cancelled"


def test_erasing_again_for_another_model_is_both_keys_job(
    first: httpx.Client, second: httpx.Client, engine: Engine, blobs: Blobs
) -> None:
    working.erase(engine, blobs, erase(first)["id"])
    working.announce(engine, base_digest=working.OTHER_BASE)
    (made,), (answered,) = (one.post("/erasures/again", json={}).json()["items"] for one in (first, second))
    assert made["id"] == answered["id"]
    assert second.get(f"/jobs/{made['id']}").status_code == 200


def test_what_is_erased_already_is_a_finished_job_of_who_asks(
    first: httpx.Client, second: httpx.Client, engine: Engine, blobs: Blobs
) -> None:
    working.erase(engine, blobs, erase(first, **FIRST)["id"])
    own = second.post("/concepts/cat/erase", json=SECOND).json()
    assert (own["state"], own["case"]) == ("succeeded", "S-1")
    assert first.get(f"/jobs/{own['id']}").status_code == 404
