import threading
import time

import httpx
import pytest
from sqlalchemy import Engine

from sepme_core.registry import jobs
from sepme_core.registry.blobs import Blobs
from sepme_core.registry.database import reading, writing
from tests.app import working


def ids(answer: httpx.Response) -> list[str]:
    return [job["id"] for job in answer.json()["items"]]


def test_jobs_are_listed_the_newest_first_in_pages(client: httpx.Client) -> None:
    made = [client.post(f"/concepts/{name}/erase").json()["id"] for name in ("bee", "cat", "dog")]
    first = client.get("/jobs", params={"limit": 2})
    assert ids(first) == made[:0:-1]
    last = client.get("/jobs", params={"limit": 2, "cursor": first.json()["next_cursor"]})
    assert (ids(last), last.json()["next_cursor"]) == ([made[0]], None)


@pytest.mark.usefixtures("model")
def test_jobs_are_listed_by_state_kind_and_concept(client: httpx.Client, engine: Engine, blobs: Blobs) -> None:
    cat = client.post("/concepts/cat/erase").json()["id"]
    dog = client.post("/concepts/dog/erase").json()["id"]
    picture = client.post("/generate", json={"prompt": "a", "erased": []}).json()["id"]
    working.erase(engine, blobs, cat)
    assert ids(client.get("/jobs?state=succeeded")) == [cat]
    assert ids(client.get("/jobs?kind=generate")) == [picture]
    assert ids(client.get("/jobs?concept=dog")) == [dog]
    assert client.get("/jobs?state=done").json()["errors"][0]["name"] == "state"


def test_progress_shows_on_the_job(client: httpx.Client, engine: Engine) -> None:
    job_id = client.post("/concepts/cat/erase").json()["id"]
    working.report(engine, working.claim(engine, job_id), 3)
    job = client.get(f"/jobs/{job_id}").json()
    assert (job["state"], job["attempt"]) == ("running", 1)
    assert job["progress"] == {"step": 3, "of": 10, "message": "correlation 0.003"}
    assert job["started_at"] is not None
    assert job["finished_at"] is None


def test_a_job_can_be_waited_for_later(client: httpx.Client, engine: Engine) -> None:
    job_id = client.post("/concepts/cat/erase").json()["id"]
    problem = {"type": "/problems/no-capacity", "title": "Full", "status": 409, "detail": "no room"}
    threading.Timer(0.3, working.fail, (engine, job_id), problem).start()
    answer = client.get(f"/jobs/{job_id}", headers={"Prefer": "wait=10"})
    assert (answer.status_code, answer.json()["state"]) == (200, "failed"), "the job is there: it was asked for"
    assert answer.headers["preference-applied"] == "wait=10"


def test_a_queued_job_is_cancelled_at_once(client: httpx.Client) -> None:
    job_id = client.post("/concepts/cat/erase").json()["id"]
    answer = client.post(f"/jobs/{job_id}/cancel")
    assert (answer.status_code, answer.json()["state"]) == (202, "cancelled")
    assert answer.headers["location"] == f"/jobs/{job_id}"
    assert answer.json()["cancelled_by"] == "a request to cancel it"
    assert client.get("/concepts/cat").json()["state"] == "never-erased"


def test_a_running_job_is_asked_to_stop(client: httpx.Client, engine: Engine) -> None:
    job_id = client.post("/concepts/cat/erase").json()["id"]
    claimed = working.claim(engine, job_id)
    answer = client.post(f"/jobs/{job_id}/cancel")
    assert (answer.status_code, answer.json()["state"], answer.json()["cancel_requested"]) == (202, "running", True)
    with reading(engine) as session:
        assert jobs.cancel_requested(session, job_id)
    with writing(engine) as session:
        assert jobs.finish_cancelled(session, claimed)
    job = client.get(f"/jobs/{job_id}").json()
    assert (job["state"], job["cancelled_by"]) == ("cancelled", "a request to cancel it")


@pytest.mark.parametrize(("purge", "by"), [("false", "the restore of 'cat'"), ("true", "the purge of 'cat'")])
def test_a_job_that_a_restore_or_a_purge_ends_says_so(client: httpx.Client, purge: str, by: str) -> None:
    job_id = client.post("/concepts/cat/erase").json()["id"]
    assert client.delete(f"/concepts/cat?purge={purge}").is_success
    assert client.get(f"/jobs/{job_id}").json()["cancelled_by"] == by
    key = {"Idempotency-Key": "again"}
    client.post("/concepts/cat/erase", headers=key)
    client.delete(f"/concepts/cat?purge={purge}")
    problem = client.post("/concepts/cat/erase", headers={**key, "Prefer": "wait=1"}).json()
    assert (problem["type"], problem["cancelled_by"]) == ("/problems/job-cancelled", by)


def test_a_finished_job_cannot_be_cancelled(client: httpx.Client) -> None:
    job_id = client.post("/concepts/cat/erase").json()["id"]
    client.post(f"/jobs/{job_id}/cancel")
    answer = client.post(f"/jobs/{job_id}/cancel")
    assert (answer.status_code, answer.json()["type"], answer.json()["state"]) == (
        409,
        "/problems/job-finished",
        "cancelled",
    )


@pytest.mark.parametrize("path", ["/jobs/AAAA/cancel", "/jobs/no%20id/cancel"])
def test_a_job_that_is_not_there_cannot_be_cancelled(client: httpx.Client, path: str) -> None:
    answer = client.post(path)
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/job-not-found")


def test_a_write_that_waits_for_its_lock_holds_nobody_else_up(client: httpx.Client, engine: Engine) -> None:
    def erase() -> None:
        with httpx.Client(base_url=client.base_url, timeout=30, verify=False) as writing_client:
            writing_client.post("/concepts/cat/erase")

    thread = threading.Thread(target=erase)
    with writing(engine):  # SQLite has one writer: the request has to wait for this block to end
        thread.start()
        time.sleep(0.3)
        started = time.monotonic()
        assert client.get("/livez").status_code == 200
        assert client.get("/jobs").json()["items"] == []
        assert time.monotonic() - started < 1
        assert thread.is_alive()
    thread.join()
    assert len(client.get("/jobs").json()["items"]) == 1


def test_many_may_wait_while_others_are_served(client: httpx.Client) -> None:
    """The database is asked in threads and the waiting is done in none: far more may wait than there are threads."""
    job_id = client.post("/concepts/cat/erase").json()["id"]

    def wait() -> None:
        with httpx.Client(base_url=client.base_url, timeout=30, verify=False) as waiting:
            waiting.get(f"/jobs/{job_id}", headers={"Prefer": "wait=5"})

    threads = [threading.Thread(target=wait) for _ in range(80)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    started = time.monotonic()
    assert client.get("/livez").status_code == 200
    assert client.get(f"/jobs/{job_id}").json()["state"] == "queued"
    assert time.monotonic() - started < 2
    client.post(f"/jobs/{job_id}/cancel")
    for thread in threads:
        thread.join()
