"""The front end as it is started: a process of its own, told what to do by its environment, ended by signals."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from sepme_core.settings import Settings
from tests.app import working
from tests.app.running import running


@contextmanager
def front_end(settings: Settings) -> Iterator[tuple["subprocess.Popen[bytes]", httpx.Client]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SEPME_")}
    environment |= {
        "SEPME_HOME": str(settings.home),
        "SEPME_DATABASE_URL": settings.database_url,
        "SEPME_BROKER_URL": str(settings.broker_url),
        "SEPME_BLOB_URL": settings.blob_url,
        "SEPME_PORT": str(port),
    }
    command = [sys.executable, "-m", "app"]
    with (
        subprocess.Popen(command, env=environment, cwd=Path(__file__).parents[2], stderr=subprocess.PIPE) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, verify=False) as client,
    ):
        try:
            working.eventually(lambda: is_up(client), 30)
            yield process, client
        finally:
            process.kill()


def is_up(client: httpx.Client) -> bool:
    try:
        return client.get("/livez").status_code == 200
    except httpx.ConnectError:
        return False


def test_it_gives_a_sign_of_life_while_its_loop_turns(settings: Settings, tmp_path: Path) -> None:
    sign = tmp_path / "api.pulse"
    with running(settings.model_copy(update={"pulse_file": sign})):
        working.eventually(sign.exists)
        first = sign.stat().st_mtime_ns
        working.eventually(lambda: sign.stat().st_mtime_ns > first)


def test_told_to_stop_it_lets_go_of_those_who_wait(settings: Settings) -> None:
    answers: list[httpx.Response] = []
    with front_end(settings) as (process, client):
        job_id = client.post("/concepts/cat/erase").json()["id"]

        def wait() -> None:
            answers.append(httpx.get(f"{client.base_url}/jobs/{job_id}", headers={"Prefer": "wait=60"}, timeout=60))

        def follow() -> None:
            answers.append(httpx.get(f"{client.base_url}/jobs/{job_id}/events", timeout=60))

        threads = [threading.Thread(target=wait), threading.Thread(target=follow)]
        for thread in threads:
            thread.start()
        working.eventually(lambda: "sepme_http_requests_in_flight 3.0" in client.get("/metrics").text)
        client.close()
        started = time.monotonic()
        process.terminate()
        process.wait(15)
        for thread in threads:
            thread.join()
        assert time.monotonic() - started < 10
        assert process.stderr is not None
        assert b"Traceback" not in process.stderr.read()
    assert [answer.status_code for answer in answers] == [200, 200]
