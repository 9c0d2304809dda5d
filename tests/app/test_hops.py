"""What an answer costs besides its work: no hops between threads, no looks through what stays for ever."""

import inspect
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence

import httpx
import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from sqlalchemy.orm import Session

from app.holders import Holder
from app.jobs import waiting
from app.main import ROUTERS
from sepme_core.documents.answers import JobDocument
from sepme_core.settings import Settings
from tests.app.running import RunningService

SERVING = "uvicorn.Server.run = lambda server: print(gc.get_freeze_count(), len(gc.get_objects()))"


@pytest.mark.usefixtures("model", "service")
def test_who_waits_for_a_new_job_has_it_read_no_second_time_before_its_end(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = waiting.read_jobs
    reads: list[float] = []

    def note(session: Session, holder: Holder, job_ids: Sequence[str]) -> list[JobDocument]:
        reads.append(time.monotonic())
        return read(session, holder, job_ids)

    monkeypatch.setattr(waiting, "read_jobs", note)
    started = time.monotonic()
    assert client.post("/concepts/cat/erase", headers={"Prefer": "wait=2"}).status_code == 202
    assert all(each - started > 1.9 for each in reads)  # none where accepting it took as long, on a busy machine


@pytest.mark.usefixtures("model")
def test_the_ring_does_not_wait_for_the_event_loop(
    service: RunningService, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung_in: list[str] = []

    def note(_queue: str) -> None:
        rung_in.append(threading.current_thread().name)

    monkeypatch.setattr(service.services.doorbell, "ring", note)
    assert client.post("/concepts/cat/erase").status_code == 202
    assert rung_in
    assert "uvicorn" not in rung_in


def calls(dependant: Dependant) -> Iterator[object]:
    for each in dependant.dependencies:
        yield each.call
        yield from calls(each)


def test_whatever_a_request_depends_on_is_made_without_another_thread() -> None:
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    found = {call for route in routes for call in [route.endpoint, *calls(route.dependant)]}
    assert len(found) > len(routes)
    assert [call for call in found if not inspect.iscoroutinefunction(call)] == []


def test_what_the_front_end_is_made_of_is_not_searched_for_garbage_while_it_serves(settings: Settings) -> None:
    program = f"import gc, uvicorn; from app.__main__ import main; {SERVING}; main()"
    environment = os.environ | {"SEPME_HOME": str(settings.home), "SEPME_DATABASE_URL": settings.database_url}
    command = [sys.executable, "-c", program]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    frozen, searched = map(int, found.stdout.split())
    assert frozen > 10 * searched
