"""Pictures under a mask, on both databases."""

import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from sqlalchemy import Engine

from sepme_core.registry import jobs
from sepme_core.registry.blobs import Blobs
from sepme_core.registry.database import reading, writing
from sepme_core.registry.tables import Job
from sepme_core.settings import Settings
from tests.app import working

WAIT = {"Prefer": "wait=10"}


@pytest.fixture
def settings(
    environment_without_settings: None, tmp_path: Path, database_url: str, broker_url: str, blob_url: str
) -> Settings:
    del environment_without_settings
    return Settings(home=tmp_path / "home", database_url=database_url, broker_url=broker_url, blob_url=blob_url)


def generate(client: httpx.Client, **body: Any) -> httpx.Response:
    return client.post("/generate", json={"prompt": "a cat", **body})


def pinned_names(engine: Engine, answer: httpx.Response) -> list[str]:
    assert answer.status_code == 202, answer.text
    with reading(engine) as session:
        pinned = session.get_one(Job, answer.json()["id"]).pinned
    return [concept["name"] for concept in pinned["mask"]["concepts"]]


@pytest.fixture
def erased(client: httpx.Client, engine: Engine, blobs: Blobs, model: None) -> None:
    """The concepts bee and cat are erased, dog is restored, emu is being erased for the first time."""
    del model  # it need only be there
    for name in ("cat", "bee", "dog"):
        working.erase(engine, blobs, client.post(f"/concepts/{name}/erase").json()["id"])
    client.delete("/concepts/dog")
    client.post("/concepts/emu/erase")


@pytest.mark.usefixtures("model")
def test_a_request_is_completed_with_the_models_defaults(client: httpx.Client, broker_url: str) -> None:
    answer = generate(client, seed=7, steps=3)
    job = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (202, f"/jobs/{job['id']}")
    assert job["request"] == {
        "prompt": "a cat",
        "negative_prompt": "",
        "erased": "active",
        "seed": 7,
        "count": 1,
        "steps": 3,
        "guidance_scale": 4.0,
        "width": 64,
        "height": 64,
        "scheduler": "ddim",
    }
    with redis.Redis(unix_socket_path=broker_url.removeprefix("redis+socket://")) as broker:
        working.eventually(lambda: broker.llen("generate") == 1)


@pytest.mark.usefixtures("model")
def test_a_seed_that_is_left_out_is_drawn_and_recorded(client: httpx.Client) -> None:
    seeds = {generate(client).json()["request"]["seed"] for _ in range(3)}
    assert len(seeds) == 3
    assert all(0 <= seed < 2**32 for seed in seeds)


@pytest.mark.usefixtures("erased")
def test_whoever_waits_gets_the_pictures(client: httpx.Client, engine: Engine, blobs: Blobs) -> None:
    with working.working(engine, blobs):
        answer = client.post("/generate", json={"prompt": "a", "erased": ["cat"], "seed": 7, "count": 2}, headers=WAIT)
    assert answer.status_code == 200, answer.text
    result = answer.json()["result"]
    assert [image["seed"] for image in result["images"]] == [7, 8]
    assert result["base_digest"] == working.BASE
    assert [concept["name"] for concept in result["mask"]["concepts"]] == ["cat"]
    picture = client.get(result["images"][0]["url"])
    assert (picture.status_code, picture.headers["content-type"], picture.content[:4]) == (200, "image/png", b"\x89PNG")


@pytest.mark.usefixtures("erased")
@pytest.mark.parametrize(
    ("choice", "names"),
    [("active", ["bee", "cat"]), ([], []), (["cat"], ["cat"]), (["dog", "cat", "dog"], ["cat", "dog"])],
)
def test_a_list_means_exactly_itself(client: httpx.Client, engine: Engine, choice: Any, names: list[str]) -> None:
    assert pinned_names(engine, generate(client, erased=choice)) == names


@pytest.mark.usefixtures("erased")
def test_active_is_the_default(client: httpx.Client, engine: Engine) -> None:
    assert pinned_names(engine, generate(client)) == ["bee", "cat"]


@pytest.mark.usefixtures("erased")
def test_a_restore_that_lands_later_does_not_change_the_mask(
    client: httpx.Client, engine: Engine, blobs: Blobs
) -> None:
    job_id = generate(client, erased=["cat"]).json()["id"]
    client.delete("/concepts/cat")
    working.draw(engine, blobs, job_id)
    mask = client.get(f"/jobs/{job_id}").json()["result"]["mask"]
    assert [concept["name"] for concept in mask["concepts"]] == ["cat"]


@pytest.mark.usefixtures("erased")
def test_names_without_an_increment_are_listed(client: httpx.Client) -> None:
    answer = generate(client, erased=["cat", "gnu", "emu", "yak"])
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (422, "/problems/unknown-concepts")
    assert problem["concepts"] == ["gnu", "yak"]
    assert [error["pointer"] for error in problem["errors"]] == ["#/erased/1", "#/erased/3"]


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize("path", ["/generate", "/v1/images/generations"])
def test_what_is_erased_for_good_is_in_every_mask_by_every_door_and_the_result_says_so(
    client: httpx.Client, engine: Engine, blobs: Blobs, path: str
) -> None:
    for name, body in (("cat", {"irrevocable": True}), ("dog", {})):
        working.erase(engine, blobs, client.post(f"/concepts/{name}/erase", json=body).json()["id"])
    for erased, expected in (([], ["cat"]), (["dog"], ["cat", "dog"])):
        with working.working(engine, blobs):
            answer = client.post(path, json={"prompt": "a cat", "erased": erased}, headers=WAIT)
        assert answer.status_code == 200, answer.json()
        mask = answer.json()["mask"] if path.startswith("/v1") else answer.json()["result"]["mask"]
        assert [concept["name"] for concept in mask["concepts"]] == expected


@pytest.mark.usefixtures("model")
def test_without_an_increment_of_what_is_erased_for_good_for_this_base_nothing_is_drawn(
    client: httpx.Client, engine: Engine, blobs: Blobs
) -> None:
    working.erase(engine, blobs, client.post("/concepts/cat/erase", json={"irrevocable": True}).json()["id"])
    working.announce(engine, base_digest=working.OTHER_BASE)
    answer = generate(client, erased=[])
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/increment-for-another-base")


@pytest.mark.usefixtures("erased")
def test_names_whose_increment_is_being_made_are_a_conflict(client: httpx.Client) -> None:
    answer = generate(client, erased=["cat", "emu"])
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (409, "/problems/concept-in-progress")
    assert problem["jobs"] == {"emu": f"/jobs/{client.get('/concepts/emu').json()['job']}"}


@pytest.mark.usefixtures("erased")
@pytest.mark.parametrize("choice", ["active", ["cat"]])
def test_increments_of_another_base_are_refused(client: httpx.Client, engine: Engine, choice: Any) -> None:
    working.announce(engine, base_digest=working.OTHER_BASE)
    answer = generate(client, erased=choice)
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (409, "/problems/increment-for-another-base")
    assert "cat" in problem["concepts"]
    assert problem["made_for"]["cat"] == working.BASE
    assert "POST /erasures/again" in problem["remedy"]
    assert generate(client, erased=[]).status_code == 202


@pytest.mark.usefixtures("model")
def test_a_request_is_left_to_workers_of_the_base_it_was_accepted_for(client: httpx.Client, engine: Engine) -> None:
    job_id = generate(client).json()["id"]
    bases = (working.OTHER_BASE, working.BASE)
    with writing(engine) as session:
        taken = [jobs.next_in_turn(session, jobs.Claimant("tester", "generate", base, 3)) for base in bases]
    assert taken == [None, job_id]


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("steps", 201, "from 1 to 200"),
        ("count", 17, "from 1 to 16"),
        ("guidance_scale", 30.5, "from 0.0 to 30.0"),
        ("width", 192, "from 64 to 128"),
        ("width", 100, "multiple of 8"),
        ("height", 128, "must be 64"),
        ("scheduler", "dpm", "ddim, euler"),
    ],
)
def test_what_is_out_of_the_models_range(client: httpx.Client, field: str, value: Any, rule: str) -> None:
    answer = generate(client, **{field: value})
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["pointer"]) == (422, f"#/{field}")
    assert rule in error["detail"]


@pytest.mark.usefixtures("model")
def test_fewer_steps_than_the_scheduler_takes(client: httpx.Client) -> None:
    (error,) = generate(client, scheduler="euler", steps=3).json()["errors"]
    assert (error["pointer"], "at least 4 with the scheduler euler" in error["detail"]) == ("#/steps", True)
    assert generate(client, scheduler="euler", steps=4).status_code == 202
    assert generate(client, scheduler="ddim", steps=3).status_code == 202


@pytest.mark.usefixtures("model")
def test_all_that_is_out_of_range_is_said_at_once(client: httpx.Client) -> None:
    errors = generate(client, steps=999, scheduler="x", width=1).json()["errors"]
    assert {error["pointer"] for error in errors} == {"#/steps", "#/scheduler", "#/width"}


def test_before_a_model_is_announced_there_is_a_reason_to_wait(client: httpx.Client) -> None:
    answer = generate(client)
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/model-not-ready")
    assert int(answer.headers["retry-after"]) > 0
    assert client.get("/model").status_code == 503
    assert client.post("/concepts/cat/erase").status_code == 202, "an erasure needs no limits"


def test_whoever_waits_for_the_model_and_the_pictures_waits_once(
    client: httpx.Client, engine: Engine, blobs: Blobs
) -> None:
    threading.Timer(0.7, working.announce, (engine,)).start()
    with working.working(engine, blobs):
        answer = client.post("/generate", json={"prompt": "a"}, headers=WAIT)
    assert (answer.status_code, answer.json()["state"]) == (200, "succeeded")


def test_the_model_is_not_waited_for_longer_than_asked(client: httpx.Client) -> None:
    started = time.monotonic()
    answer = client.post("/generate", json={"prompt": "a"}, headers={"Prefer": "wait=1"})
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/model-not-ready")
    assert 1 <= time.monotonic() - started < 5
