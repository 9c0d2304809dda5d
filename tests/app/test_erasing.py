"""Erase and restore, on both databases."""

import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import redis
from sqlalchemy import Engine

from sepme_core.registry import jobs
from sepme_core.registry.blobs import Blobs
from sepme_core.registry.database import reading, writing
from sepme_core.settings import Settings
from tests.app import working
from tests.app.running import running

STYLE = {"kind": "style", "prompts": ["Van Gogh"], "protect": ["impressionism"]}
WAIT = {"Prefer": "wait=10"}


@pytest.fixture
def settings(
    environment_without_settings: None, tmp_path: Path, database_url: str, broker_url: str, blob_url: str
) -> Settings:
    del environment_without_settings
    return Settings(home=tmp_path / "home", database_url=database_url, broker_url=broker_url, blob_url=blob_url)


def erase(
    client: httpx.Client, name: str, body: dict[str, Any] | None = None, wait: int | None = None
) -> httpx.Response:
    headers = {"Prefer": f"wait={wait}"} if wait is not None else {}
    return client.post(f"/concepts/{name}/erase", json=body or {}, headers=headers)


def test_an_erasure_is_accepted_as_a_job_and_rung_for(client: httpx.Client, broker_url: str) -> None:
    answer = erase(client, "van-gogh", STYLE)
    job = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/jobs/{job['id']}"
    assert int(answer.headers["retry-after"]) >= 1
    assert "preference-applied" not in answer.headers
    assert (job["kind"], job["state"], job["attempt"], job["concept"]) == ("erase", "queued", 0, "van-gogh")
    assert job["request"] == {
        **STYLE,
        "name": "van-gogh",
        "substitute": None,
        "irrevocable": False,
        "override": False,
        "options": {},
    }
    assert client.get(answer.headers["location"]).json() == {**job, "position": 1}
    with redis.Redis(unix_socket_path=broker_url.removeprefix("redis+socket://")) as broker:
        working.eventually(lambda: broker.llen("erase") == 1)


def test_every_field_has_a_default_and_the_body_may_be_left_out(client: httpx.Client) -> None:
    answer = client.post("/concepts/van-gogh/erase")
    assert answer.status_code == 202
    assert answer.json()["request"] == {
        "name": "van-gogh",
        "kind": "other",
        "prompts": ["van gogh"],
        "protect": [],
        "substitute": None,
        "irrevocable": False,
        "override": False,
        "options": {},
    }


@pytest.mark.usefixtures("model")
def test_whoever_waits_gets_the_finished_job(client: httpx.Client, engine: Engine, blobs: Blobs) -> None:
    with working.working(engine, blobs):
        answer = erase(client, "van-gogh", STYLE, wait=10)
    job = answer.json()
    assert answer.status_code == 200, job
    assert answer.headers["preference-applied"] == "wait=10"
    assert answer.headers["content-location"] == f"/jobs/{job['id']}"
    assert job["state"] == "succeeded"
    assert job["result"] == client.get("/concepts/van-gogh").json()
    assert job["result"]["state"] == "erased"
    audited = client.get("/audit").json()["items"][-1]
    named = {"sequence": audited["sequence"], "hash": audited["hash"]}
    unstated = {"case": None, "stated_reason": None}
    assert job["result"]["certificate"] == {**working.CERTIFICATE, **unstated, "pictures": [], "audit": named}
    assert [version["reason"] for version in job["result"]["versions"]] == ["erased"]


def test_whoever_waits_in_vain_gets_the_job_under_way(client: httpx.Client) -> None:
    started = time.monotonic()
    answer = erase(client, "cat", wait=1)
    assert 1 <= time.monotonic() - started < 5
    assert answer.status_code == 202
    assert answer.headers["preference-applied"] == "wait=1"
    assert answer.headers["location"] == f"/jobs/{answer.json()['id']}"


def test_whoever_waits_for_a_job_that_fails_gets_its_problem_with_its_status(
    client: httpx.Client, engine: Engine
) -> None:
    job_id = erase(client, "cat").json()["id"]
    problem = {
        "type": "/problems/concept-too-close",
        "title": "Too close",
        "status": 409,
        "detail": "cat overlaps kitten by 0.98",
        "overlap": 0.98,
    }
    threading.Timer(0.3, working.fail, (engine, job_id), problem).start()
    answer = erase(client, "cat", wait=10)
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    answered = answer.json()
    assert "override: true" in answered.pop("remedy"), "a problem that says no remedy has that of its kind"
    assert answered == {**problem, "job": f"/jobs/{job_id}", "instance": f"/jobs/{job_id}"}
    job = client.get(f"/jobs/{job_id}")
    assert (job.status_code, job.json()["state"], job.json()["problem"]) == (200, "failed", problem)


def test_whoever_waits_for_a_job_that_is_cancelled_is_told_so(client: httpx.Client) -> None:
    job_id = erase(client, "cat").json()["id"]
    threading.Timer(0.3, client.post, (f"/jobs/{job_id}/cancel",)).start()
    answer = erase(client, "cat", wait=10)
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/job-cancelled")


def test_a_wait_longer_than_the_limit_is_cut_down_to_it(settings: Settings) -> None:
    with running(settings.model_copy(update={"wait_limit_seconds": 1.0})) as service, service.client() as client:
        answer = erase(client, "cat", wait=1000)
    assert (answer.status_code, answer.headers["preference-applied"]) == (202, "wait=1")


def test_a_client_that_hangs_up_is_no_longer_waited_for(client: httpx.Client) -> None:
    with pytest.raises(httpx.ReadTimeout):
        client.post("/concepts/cat/erase", headers={"Prefer": "wait=60"}, timeout=0.5)
    in_flight = "sepme_http_requests_in_flight 1.0"  # the scrape itself
    working.eventually(lambda: in_flight in client.get("/metrics").text)
    assert client.get("/jobs").json()["items"][0]["state"] == "queued"


def test_the_same_erasure_again_is_the_same_job_while_it_runs(client: httpx.Client, engine: Engine) -> None:
    first = erase(client, "cat", {"kind": "object"}).json()
    assert erase(client, "cat", {"kind": "object"}).json()["id"] == first["id"]
    working.claim(engine, first["id"])
    assert erase(client, "cat", {"kind": "object"}).json()["id"] == first["id"]


def test_another_erasure_of_a_concept_that_is_being_erased_is_refused(client: httpx.Client) -> None:
    job_id = erase(client, "cat", {"kind": "object"}).json()["id"]
    answer = erase(client, "cat", {"kind": "style"})
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/concept-busy")
    assert answer.json()["job"] == f"/jobs/{job_id}"


@pytest.mark.usefixtures("model")
def test_what_is_erased_already_is_a_finished_job(client: httpx.Client, engine: Engine, blobs: Blobs) -> None:
    working.erase(engine, blobs, erase(client, "cat").json()["id"])
    answer = erase(client, "cat")
    assert (answer.status_code, answer.json()["state"]) == (200, "succeeded")
    assert answer.json()["result"] == client.get("/concepts/cat").json()
    with reading(engine) as session:
        assert not jobs.page_of_texts(session, None, 10, state="queued").items


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize("damage", ["missing", "cut short"])
def test_what_is_erased_but_whose_bytes_are_gone_or_damaged_is_made_again(
    client: httpx.Client, engine: Engine, blobs: Blobs, settings: Settings, damage: str
) -> None:
    working.erase(engine, blobs, client.post("/concepts/cat/erase").json()["id"])
    digest = client.get("/concepts/cat").json()["digest"]
    file = Path(urlsplit(settings.blob_url).path) / digest[7:9] / digest[9:]
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:-1])
    for path, body in (("/concepts/cat/erase", None), ("/erasures", {"concepts": [{"name": "cat"}]})):
        answer = client.post(path, json=body) if body else client.post(path)
        assert answer.status_code == 202
    working.erase(engine, blobs, client.get("/concepts/cat").json()["job"])
    assert client.get("/concepts/cat").json()["digest"] == digest
    assert blobs.holds(digest)
    assert client.post("/concepts/cat/erase").status_code == 200


def test_what_is_erased_anew_serves_in_its_old_version_until_then(
    client: httpx.Client, engine: Engine, blobs: Blobs
) -> None:
    working.erase(engine, blobs, erase(client, "cat").json()["id"])
    answer = erase(client, "cat", {"prompts": ["tabby"]})
    concept = client.get("/concepts/cat").json()
    assert (answer.status_code, concept["version"], concept["state"]) == (202, 1, "erased")
    assert concept["job"] == answer.json()["id"]
    working.erase(engine, blobs, answer.json()["id"])
    concept = client.get("/concepts/cat").json()
    assert (concept["version"], concept["prompts"], concept["job"]) == (2, ["tabby"], None)


@pytest.mark.usefixtures("model")
def test_restoring_keeps_the_increment_and_erasing_again_needs_no_work(
    client: httpx.Client, engine: Engine, blobs: Blobs
) -> None:
    working.erase(engine, blobs, erase(client, "cat").json()["id"])
    restored = client.delete("/concepts/cat")
    assert (restored.status_code, restored.json()["state"]) == (200, "restored")
    again = client.delete("/concepts/cat")
    assert (again.status_code, again.json(), again.headers["etag"]) == (200, restored.json(), restored.headers["etag"])
    answer = erase(client, "cat")
    assert (answer.status_code, answer.json()["result"]["state"]) == (200, "erased")
    assert answer.json()["result"]["digest"] == restored.json()["digest"]


def test_restoring_what_is_being_erased_cancels_its_job(client: httpx.Client, engine: Engine) -> None:
    job_id = erase(client, "cat").json()["id"]
    working.claim(engine, job_id)
    answer = client.delete("/concepts/cat")
    assert (answer.status_code, answer.json()["job"]) == (200, None)
    assert client.get(f"/jobs/{job_id}").json()["state"] == "cancelled"


def test_restoring_what_is_unknown(client: httpx.Client) -> None:
    answer = client.delete("/concepts/cat")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/concept-not-found")


@pytest.mark.usefixtures("model")
def test_what_is_irrevocable_stays_erased(client: httpx.Client, engine: Engine, blobs: Blobs) -> None:
    working.erase(engine, blobs, erase(client, "cat", {"irrevocable": True}).json()["id"])
    for path in ("/concepts/cat", "/concepts/cat?purge=true"):
        answer = client.delete(path)
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/concept-irrevocable")
    assert client.get("/concepts/cat").json()["state"] == "erased"


@pytest.mark.usefixtures("model")
def test_a_purged_concept_is_forgotten(client: httpx.Client, engine: Engine, blobs: Blobs) -> None:
    working.erase(engine, blobs, erase(client, "cat").json()["id"])
    answer = client.delete("/concepts/cat?purge=true")
    assert (answer.status_code, answer.content) == (204, b"")
    assert client.get("/concepts/cat").status_code == 404
    assert client.delete("/concepts/cat?purge=true").status_code == 404


@pytest.mark.usefixtures("model")
def test_an_entity_tag_changes_with_what_an_operator_changes(
    client: httpx.Client, engine: Engine, blobs: Blobs
) -> None:
    job_id = erase(client, "cat").json()["id"]
    accepted = client.get("/concepts/cat").headers["etag"]
    working.report(engine, claimed := working.claim(engine, job_id), 3)
    assert client.get("/concepts/cat").headers["etag"] == accepted
    with writing(engine) as session:
        assert jobs.release(session, claimed)
    working.erase(engine, blobs, job_id)
    erased = client.get("/concepts/cat").headers["etag"]
    restored = client.delete("/concepts/cat", headers={"If-Match": erased})
    assert restored.status_code == 200
    assert len({accepted, erased, restored.headers["etag"]}) == 3


@pytest.mark.parametrize("if_match", ['"stale"', '"stale", "older"', "W/{}"])
def test_a_concept_that_has_moved_is_left_alone(client: httpx.Client, if_match: str) -> None:
    erase(client, "cat")
    tag = client.get("/concepts/cat").headers["etag"]
    answer = client.delete("/concepts/cat", headers={"If-Match": if_match.format(tag)})
    assert (answer.status_code, answer.json()["type"]) == (412, "/problems/precondition-failed")
    assert answer.headers["etag"] == answer.json()["etag"] == tag
    assert client.get("/concepts/cat").json()["job"] is not None


@pytest.mark.parametrize("if_match", ["{}", "*", '"other", {}'])
def test_a_concept_that_is_as_the_client_knows_it_is_restored(client: httpx.Client, if_match: str) -> None:
    erase(client, "cat")
    tag = client.get("/concepts/cat").headers["etag"]
    assert client.delete("/concepts/cat", headers={"If-Match": if_match.format(tag)}).status_code == 200


def test_an_if_match_that_is_no_tag(client: httpx.Client) -> None:
    answer = client.delete("/concepts/cat", headers={"If-Match": "bare"})
    assert (answer.status_code, answer.json()["errors"][0]["name"]) == (422, "If-Match")


@pytest.mark.usefixtures("model")
def test_concepts_are_listed_by_name_in_pages(client: httpx.Client) -> None:
    for name in ("dog", "cat", "bee"):
        erase(client, name)
    first = client.get("/concepts", params={"limit": 2}).json()
    assert [concept["name"] for concept in first["items"]] == ["bee", "cat"]
    assert first["capacity"] == working.MODEL["capacity"]
    last = client.get("/concepts", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [concept["name"] for concept in last["items"]] == ["dog"]
    assert last["next_cursor"] is None
    assert last["items"][0] == client.get("/concepts/dog").json()


@pytest.mark.usefixtures("model")
def test_several_erasures_are_one_job_each(client: httpx.Client, engine: Engine, blobs: Blobs) -> None:
    body = {"concepts": [{"name": "cat", "kind": "object"}, {"name": "van-gogh", **STYLE}]}
    answer = client.post("/erasures", json=body)
    items = answer.json()["items"]
    assert (answer.status_code, [job["concept"] for job in items]) == (202, ["cat", "van-gogh"])
    with working.working(engine, blobs):
        waited = client.post("/erasures", json=body, headers=WAIT)
    assert (waited.status_code, [job["id"] for job in waited.json()["items"]]) == (200, [job["id"] for job in items])
    assert {job["state"] for job in waited.json()["items"]} == {"succeeded"}


def test_several_erasures_are_accepted_all_or_none(client: httpx.Client) -> None:
    erase(client, "cat", {"kind": "object"})
    answer = client.post("/erasures", json={"concepts": [{"name": "dog"}, {"name": "cat", "kind": "style"}]})
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/concept-busy")
    assert client.get("/concepts/dog").status_code == 404


@pytest.mark.usefixtures("model")
def test_several_erasures_of_which_one_fails_are_a_problem_to_whoever_waits(
    client: httpx.Client, engine: Engine, blobs: Blobs
) -> None:
    body = {"concepts": [{"name": "cat"}, {"name": "dog"}]}
    cat, dog = client.post("/erasures", json=body).json()["items"]
    working.erase(engine, blobs, cat["id"])
    fail = (engine, dog["id"])
    problem = {"type": "/problems/worker-lost", "title": "Lost", "status": 500, "detail": "it is gone"}
    threading.Timer(0.2, working.fail, fail, problem).start()
    answer = client.post("/erasures", json=body, headers=WAIT)
    assert (answer.status_code, answer.json()["type"]) == (500, "/problems/erasures-failed")
    assert [failed["job"] for failed in answer.json()["problems"]] == [f"/jobs/{dog['id']}"]


@pytest.mark.usefixtures("model")
def test_a_joint_erasure_is_one_job_each_that_holds_the_whole_group(client: httpx.Client) -> None:
    body = {"concepts": [{"name": "dog"}, {"name": "cat"}], "joint": True}
    answer = client.post("/erasures", json=body)
    items = answer.json()["items"]
    assert (answer.status_code, [job["concept"] for job in items]) == (202, ["dog", "cat"])
    for job in items:
        assert [member["name"] for member in job["request"]["group"]] == ["cat", "dog"]
    assert [job["id"] for job in client.post("/erasures", json=body).json()["items"]] == [job["id"] for job in items]


def test_one_concept_cannot_be_erased_jointly(client: httpx.Client) -> None:
    answer = client.post("/erasures", json={"concepts": [{"name": "cat"}], "joint": True})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/joint")
    assert client.get("/concepts/cat").status_code == 404


@pytest.mark.usefixtures("model")
def test_all_that_is_stored_is_erased_again_when_another_model_is_served(
    client: httpx.Client, engine: Engine, blobs: Blobs
) -> None:
    for name in ("cat", "dog"):
        working.erase(engine, blobs, erase(client, name, {"kind": "object"}).json()["id"])
    client.delete("/concepts/dog")
    assert client.post("/erasures/again").json() == {"items": []}
    working.announce(engine, base_digest=working.OTHER_BASE)
    answer = client.post("/erasures/again", json={})
    items = answer.json()["items"]
    assert (answer.status_code, [job["concept"] for job in items]) == (202, ["cat", "dog"])
    assert [job["request"]["kind"] for job in items] == ["object", "object"]
    for job in items:
        working.erase(engine, blobs, job["id"], working.OTHER_BASE)
    concepts = client.get("/concepts").json()["items"]
    assert [(one["state"], one["version"], one["base_digest"]) for one in concepts] == [
        ("erased", 2, working.OTHER_BASE),
        ("restored", 2, working.OTHER_BASE),
    ]
    nothing = client.post("/erasures/again", headers=WAIT)
    assert (nothing.status_code, nothing.json()) == (200, {"items": []})


def test_nothing_is_erased_again_before_a_model_is_served(client: httpx.Client) -> None:
    answer = client.post("/erasures/again")
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/model-not-ready")


@pytest.mark.usefixtures("model")
def test_a_late_concept_has_the_older_ones_reprojected(client: httpx.Client, engine: Engine, blobs: Blobs) -> None:
    for name in ("cat", "dog"):
        working.erase(engine, blobs, erase(client, name).json()["id"])
    shown = client.get("/concepts/cat")
    job = client.get(f"/jobs/{shown.json()['job']}").json()
    assert (job["kind"], job["state"], job["concept"]) == ("reproject", "queued", "cat")
    working.reproject(engine, blobs, job["id"])
    after = client.get("/concepts/cat")
    assert after.headers["etag"] == shown.headers["etag"]
    assert [version["reason"] for version in after.json()["versions"]] == ["erased", "reprojected"]
    assert (after.json()["version"], after.json()["job"]) == (2, None)
    assert client.get(f"/jobs/{job['id']}").json()["result"] == after.json()
    assert client.get("/jobs", params={"kind": "reproject"}).json()["items"][0]["id"] == job["id"]


@pytest.mark.usefixtures("model")
def test_a_concept_names_its_erasure_before_its_reprojection(
    client: httpx.Client, engine: Engine, blobs: Blobs
) -> None:
    for name in ("cat", "dog"):
        working.erase(engine, blobs, erase(client, name).json()["id"])
    reprojection = client.get("/concepts/cat").json()["job"]
    erasure = erase(client, "cat", {"prompts": ["tabby"]}).json()["id"]
    assert erasure != reprojection
    assert client.get("/concepts/cat").json()["job"] == erasure


def test_what_is_drawn_instead_is_part_of_the_request(client: httpx.Client) -> None:
    body = {**STYLE, "substitute": "a painting"}
    job = erase(client, "van-gogh", body).json()
    assert job["request"]["substitute"] == "a painting"
    assert erase(client, "van-gogh", body).json()["id"] == job["id"]
    assert erase(client, "van-gogh", STYLE).json()["type"] == "/problems/concept-busy"


@pytest.mark.usefixtures("model")
def test_the_pictures_that_an_erasure_was_refused_for_are_served(
    client: httpx.Client, engine: Engine, blobs: Blobs
) -> None:
    job_id = erase(client, "cat").json()["id"]
    problem = {"type": "/problems/not-forgotten", "title": "Seen", "status": 409, "detail": "cat is seen"}
    working.fail_with_pictures(engine, blobs, job_id, problem)
    without, under = client.get(f"/jobs/{job_id}").json()["problem"]["pictures"]
    assert (without["erased"], under["erased"]) == (False, True)
    for picture, masked in ((without, []), (under, [("cat", 0)])):
        assert client.get(picture["url"]).headers["content-type"] == "image/png"
        record = client.get(picture["url"], headers={"Accept": "application/json"}).json()
        assert (record["job"], record["sha256"]) == (f"/jobs/{job_id}", picture["sha256"])
        assert [(concept["name"], concept["version"]) for concept in record["mask"]["concepts"]] == masked


@pytest.mark.usefixtures("model")
def test_the_pictures_that_an_erasure_was_judged_on_are_served(
    client: httpx.Client, engine: Engine, blobs: Blobs
) -> None:
    working.erase(engine, blobs, erase(client, "cat").json()["id"], evidence=True)
    without, under = client.get("/concepts/cat").json()["certificate"]["pictures"]
    assert (without["erased"], under["erased"]) == (False, True)
    for picture in (without, under):
        answer = client.get(picture["url"])
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
        record = client.get(picture["url"], headers={"Accept": "application/json"}).json()
        assert (record["sha256"], record["seed"]) == (picture["sha256"], picture["seed"])
        assert [concept["name"] for concept in record["mask"]["concepts"]] == ["cat"] * picture["erased"]
