import threading

import httpx
import pytest
import redis
from sqlalchemy import Engine

from sepme_core.registry import knowledge
from sepme_core.registry.blobs import Blobs
from sepme_core.registry.database import reading
from sepme_core.registry.tables import Job
from tests.app import working
from tests.app.running import RunningService

LOGO = {"prompts": ["the Acme logo", "Acme watermark"]}
WAIT = {"Prefer": "wait=10"}
KEY = {"Idempotency-Key": "2f1c"}


@pytest.mark.usefixtures("model")
def test_protected_prompts_are_put_read_and_deleted(client: httpx.Client) -> None:
    created = client.put("/protected/acme", json=LOGO)
    assert (created.status_code, created.json()["prompts"]) == (201, LOGO["prompts"])
    assert client.get("/protected/acme").json() == created.json()
    replaced = client.put("/protected/acme", json={"prompts": ["Acme"]})
    assert (replaced.status_code, replaced.json()["prompts"]) == (200, ["Acme"])
    assert replaced.json()["created_at"] == created.json()["created_at"]
    deleted = client.delete("/protected/acme")
    assert (deleted.status_code, deleted.content) == (204, b"")
    for answer in (client.get("/protected/acme"), client.delete("/protected/acme")):
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/protected-not-found")


@pytest.mark.usefixtures("model")
def test_protected_prompts_are_listed_by_name_in_pages(client: httpx.Client) -> None:
    for name in ("dog", "bee", "cat"):
        client.put(f"/protected/{name}", json={"prompts": [name]})
    first = client.get("/protected", params={"limit": 2}).json()
    last = client.get("/protected", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [row["name"] for row in first["items"] + last["items"]] == ["bee", "cat", "dog"]
    assert last["next_cursor"] is None


@pytest.mark.usefixtures("model")
def test_erasures_accepted_since_must_leave_them_alone(client: httpx.Client, engine: Engine) -> None:
    client.put("/protected/acme", json=LOGO)
    job_id = client.post("/concepts/cat/erase").json()["id"]
    with reading(engine) as session:
        pinned = knowledge.unfolded(session, session.get_one(Job, job_id).pinned)
    assert pinned["protected"] == [{"name": "acme", **LOGO}]


@pytest.mark.usefixtures("model")
def test_what_is_stored_is_reprojected_and_rung_for(
    client: httpx.Client, engine: Engine, blobs: Blobs, broker_url: str
) -> None:
    working.erase(engine, blobs, client.post("/concepts/cat/erase").json()["id"])
    with redis.Redis(unix_socket_path=broker_url.removeprefix("redis+socket://")) as broker:
        working.eventually(lambda: broker.llen("erase") > 0)
        broker.flushall()
        client.put("/protected/acme", json=LOGO)
        job_id = client.get("/concepts/cat").json()["job"]
        working.eventually(lambda: broker.llen("erase") > 0)
    assert client.get(f"/jobs/{job_id}").json()["kind"] == "reproject"


@pytest.fixture
def irrevocable(model: None, client: httpx.Client, engine: Engine, blobs: Blobs) -> None:
    """Something is erased for good on the model that is served."""
    del model
    working.erase(engine, blobs, client.post("/concepts/nudity/erase", json={"irrevocable": True}).json()["id"])


@pytest.mark.usefixtures("irrevocable")
def test_where_something_is_erased_for_good_prompts_are_protected_by_a_job(
    client: httpx.Client, broker_url: str
) -> None:
    with redis.Redis(unix_socket_path=broker_url.removeprefix("redis+socket://")) as broker:
        broker.flushall()
        answer = client.put("/protected/acme", json=LOGO)
        working.eventually(lambda: broker.llen("erase") > 0)
    job = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (202, f"/jobs/{job['id']}")
    assert int(answer.headers["retry-after"]) >= 1
    assert (job["kind"], job["state"], job["concept"]) == ("protect", "queued", "acme")
    assert job["request"] == {"name": "acme", **LOGO}
    assert client.get("/protected/acme").status_code == 404
    assert client.get("/jobs?kind=protect").json()["items"] == [client.get(answer.headers["location"]).json()]


@pytest.mark.usefixtures("irrevocable")
def test_whoever_waits_for_the_job_gets_what_is_protected(client: httpx.Client, engine: Engine, blobs: Blobs) -> None:
    with working.working(engine, blobs):
        created = client.put("/protected/acme", json=LOGO, headers=WAIT)
        assert (created.status_code, created.json()) == (201, client.get("/protected/acme").json())
        assert created.headers["preference-applied"] == "wait=10"
        replaced = client.put("/protected/acme", json={"prompts": ["Acme"]}, headers=WAIT)
    assert (replaced.status_code, replaced.json()) == (200, client.get("/protected/acme").json())
    assert replaced.json()["prompts"] == ["Acme"]
    protections = client.get("/jobs?kind=protect").json()["items"]
    assert [job["result"] for job in protections] == [replaced.json(), created.json()]


@pytest.mark.usefixtures("irrevocable")
def test_whoever_waits_for_prompts_that_must_not_be_protected_gets_the_problem(
    client: httpx.Client, engine: Engine
) -> None:
    job_id = client.put("/protected/acme", json=LOGO).json()["id"]
    problem = {"type": "/problems/irrevocable-weakened", "status": 409, "irrevocable": "nudity", "relative_loss": 0.6}
    threading.Timer(0.3, working.fail, (engine, job_id), problem).start()
    answer = client.put("/protected/acme", json=LOGO, headers=WAIT)
    assert (answer.status_code, answer.headers["content-type"]) == (409, "application/problem+json")
    answered = answer.json()
    assert "or fewer" in answered.pop("remedy")
    assert answered == {**problem, "job": f"/jobs/{job_id}", "instance": f"/jobs/{job_id}"}
    assert client.get("/protected/acme").status_code == 404


@pytest.mark.usefixtures("irrevocable")
def test_the_same_prompts_again_are_answered_with_the_job_under_way(client: httpx.Client) -> None:
    first, again = (client.put("/protected/acme", json=LOGO) for _ in range(2))
    assert again.status_code == 202
    assert again.json() == first.json()


@pytest.mark.usefixtures("irrevocable")
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_later_request_for_the_same_name_calls_the_job_off(client: httpx.Client, method: str) -> None:
    job_id = client.put("/protected/acme", json=LOGO).json()["id"]
    body = {"prompts": ["Acme"]} if method == "PUT" else None
    later = client.request(method, "/protected/acme", json=body)
    assert later.status_code == {"PUT": 202, "DELETE": 204}[method]
    cancelled = client.get(f"/jobs/{job_id}").json()
    assert cancelled["state"] == "cancelled"
    live = client.get("/jobs?kind=protect&state=queued").json()["items"]
    assert [job["request"]["prompts"] for job in live] == ([["Acme"]] if method == "PUT" else [])
    assert cancelled["cancelled_by"] == (
        f"a later request to protect other prompts as 'acme', job {live[0]['id']}"
        if method == "PUT"
        else "a request to protect 'acme' no longer"
    )


@pytest.mark.usefixtures("irrevocable")
def test_who_waits_for_what_another_calls_off_is_told_by_what(client: httpx.Client, service: RunningService) -> None:
    answers: list[httpx.Response] = []

    def wait() -> None:
        with service.client() as first:
            answers.append(first.put("/protected/acme", json=LOGO, headers=WAIT))

    thread = threading.Thread(target=wait)
    thread.start()
    working.eventually(lambda: client.get("/jobs?kind=protect").json()["items"])
    later = client.put("/protected/acme", json={"prompts": ["Acme"]}).json()["id"]
    thread.join()
    (answer,) = answers
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/job-cancelled")
    assert later in answer.json()["cancelled_by"]
    assert answer.json()["detail"] == f"The job was cancelled by {answer.json()['cancelled_by']}."


@pytest.mark.usefixtures("model")
def test_prompts_that_stay_as_they_are_need_no_job_and_call_one_for_others_off(
    client: httpx.Client, engine: Engine, blobs: Blobs
) -> None:
    client.put("/protected/acme", json=LOGO)
    working.erase(engine, blobs, client.post("/concepts/nudity/erase", json={"irrevocable": True}).json()["id"])
    job_id = client.put("/protected/acme", json={"prompts": ["Acme"]}).json()["id"]
    assert client.get("/protected/acme").json()["prompts"] == LOGO["prompts"], "they are protected until the job ends"
    answer = client.put("/protected/acme", json=LOGO, headers=WAIT)
    assert (answer.status_code, answer.json()["prompts"]) == (200, LOGO["prompts"])
    assert client.get(f"/jobs/{job_id}").json()["state"] == "cancelled"


@pytest.mark.usefixtures("irrevocable")
def test_the_same_key_is_the_same_job_and_in_the_end_what_it_protected(
    client: httpx.Client, engine: Engine, blobs: Blobs
) -> None:
    first, again = (client.put("/protected/acme", json=LOGO, headers=KEY) for _ in range(2))
    assert first.json()["id"] == again.json()["id"]
    other = client.put("/protected/acme", json={"prompts": ["Acme"]}, headers=KEY)
    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-key-reused")
    working.protect(engine, blobs, first.json()["id"])
    ended = client.put("/protected/acme", json=LOGO, headers=KEY)
    assert (ended.status_code, ended.json()) == (201, client.get("/protected/acme").json())


@pytest.mark.usefixtures("model")
def test_the_same_key_is_the_first_answer_though_others_were_protected_since(client: httpx.Client) -> None:
    first = client.put("/protected/acme", json=LOGO, headers=KEY)
    client.put("/protected/acme", json={"prompts": ["Acme"]})
    again = client.put("/protected/acme", json=LOGO, headers=KEY)
    assert (again.status_code, again.json()) == (201, first.json())
    assert client.get("/protected/acme").json()["prompts"] == ["Acme"]


@pytest.mark.parametrize("body", [{}, {"prompts": []}, {"prompts": "Acme"}, {"prompts": [""]}])
def test_prompts_that_protect_nothing(client: httpx.Client, body: dict[str, object]) -> None:
    answer = client.put("/protected/acme", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["location"]) == (422, "body")
