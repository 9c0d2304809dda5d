import json
import signal
import subprocess
import sys
from typing import Any

from sqlalchemy import Engine

from sepme.commands.following import share, typed
from sepme_core.documents.answers import ProblemDocument
from sepme_core.registry import jobs
from sepme_core.registry.blobs import Blobs
from sepme_core.registry.database import writing
from tests.app import working
from tests.app.running import RunningService
from tests.sepme.commands.conftest import Run
from tests.sepme.processes import until

BROKEN: ProblemDocument = {"type": "/problems/x", "title": "It broke", "status": 500, "detail": "In two."}


def asked(run: Run, name: str) -> str:
    return str(run("erase", name, "--case", "2026-1", "--no-wait", "--json").document["id"])


def test_jobs_are_listed_the_newest_first_and_by_what_they_are(run: Run, service: RunningService) -> None:
    del service
    first, second = asked(run, "cat"), asked(run, "dog")
    lines = run("jobs").out.splitlines()
    assert [line.split()[0] for line in lines] == ["ID", second, first]
    assert [job["id"] for job in run("jobs", "--concept", "cat", "--json").document["items"]] == [first]
    assert run("jobs", "--state", "failed").err == "There are no jobs.\n"
    assert len(run("jobs", "--most", "1", "--json").document["items"]) == 1
    assert run("jobs", "--state", "lost").status == 2


def test_one_is_told_and_cancelled(run: Run, service: RunningService) -> None:
    del service
    job = asked(run, "cat")
    assert f"{job}: erase cat, queued" in run("jobs", "--", job).out
    said = run("jobs", "--cancel", "--", job)
    assert said.status == 0
    assert "cancelled" in said.out
    assert run("jobs", "--cancel", "--", job).status == 2
    assert run("jobs", "--cancel").status == 2


def test_events_are_lines_or_one_array(run: Run, service: RunningService, engine: Engine, blobs: Blobs) -> None:
    del service
    job = asked(run, "cat")
    claimed = working.claim(engine, job)
    working.report(engine, claimed, 3)
    with writing(engine) as session:
        assert jobs.fail(session, claimed, BROKEN)
    said = run("events", "--", job)
    assert said.status == 1
    assert [line.split()[1] for line in said.out.splitlines()] == ["progress", "failed"]
    assert "3 of 10, correlation 0.003" in said.out
    assert "It broke: In two." in said.out
    told = run("events", "--json", "--", job).document
    assert [event["event"] for event in told] == ["progress", "failed"]
    assert [event["event"] for event in run("events", "--after", "1", "--json", "--", job).document] == ["failed"]
    other = asked(run, "dog")
    working.erase(engine, blobs, other)
    assert run("events", "--", other).status == 0


def test_whoever_stops_waiting_is_told_that_the_job_goes_on(service: RunningService, engine: Engine) -> None:
    command = (sys.executable, "-m", "sepme.command", "erase", "cat", "--url", service.url)
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        until(lambda: bool(items(service)), 30)
        working.report(engine, working.claim(engine, items(service)[0]["id"]), 3)
        assert process.stderr is not None
        while "3 of 10" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "The job goes on. `sepme events " in err
    assert "Traceback" not in err
    assert items(service)[0]["state"] == "running"


def items(service: RunningService) -> Any:
    """All jobs."""
    with service.client() as client:
        return client.get("/jobs").json()["items"]


def test_progress_is_told_by_time_where_the_worker_knows_it_else_by_steps() -> None:
    assert share({"step": 0, "of": 1000, "seconds_left": 30}, 10.0) == (10.0, 40.0)
    assert share({"step": 5, "of": 25}, 10.0) == (5, 25)
    assert share({"step": 0, "of": 25}, 10.0) == (0, None)


def test_an_id_that_looks_like_an_option_is_told_so_that_it_can_be_typed() -> None:
    assert typed("abc") == "abc"
    assert typed("-abc") == "-- -abc"


def test_the_array_can_be_read_while_it_comes(run: Run, service: RunningService, engine: Engine, blobs: Blobs) -> None:
    del service
    job = asked(run, "cat")
    working.erase(engine, blobs, job)
    assert json.loads(run("events", "--json", "--after", "99", "--", job).out) == []
