"""`sepme serve` as a newcomer meets it: started, the lines it prints tried, stopped."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.sepme.processes import processes_in
from tests.sepme.service import Service, serving


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("home")) as running:
        yield running


def lines_to_try(output: str) -> list[str]:
    """The curl commands that the start-up text shows, as one would paste them."""
    shown = output.partition("Ready.")[2].replace("\\\n", " ")
    return [line.strip() for line in shown.splitlines() if line.strip().startswith("curl ")]


def run(line: str) -> dict[str, object]:
    """Run one of them in a shell; gives the document it prints."""
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True, timeout=200)
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer


def test_the_start_says_where_it_listens_what_it_serves_and_where_its_state_is(service: Service) -> None:
    assert re.search(rf"address +{service.address}\n", service.output)
    assert re.search(r"model +demo\n", service.output)
    assert re.search(rf"state +{service.home} ", service.output)
    for part in ("database", "broker", "worker for generate", "worker for erase", "model"):
        assert f"{part} is up" in service.output


@pytest.mark.slow
def test_the_lines_it_prints_work_as_they_stand(service: Service) -> None:
    erase, draw_without, draw_with, restore = map(run, lines_to_try(service.output))
    assert erase["state"] == "succeeded", erase
    assert draw_without["state"] == draw_with["state"] == "succeeded"
    without, unmasked = draw_without["result"], draw_with["result"]
    assert isinstance(without, dict)
    assert isinstance(unmasked, dict)
    assert without["images"][0]["sha256"] != unmasked["images"][0]["sha256"]
    assert restore["state"] == "restored"
    picture = httpx.get(service.address + without["images"][0]["url"], trust_env=False)
    assert picture.headers["content-type"] == "image/png"


def test_the_front_end_process_has_no_torch_in_it(service: Service) -> None:
    def mapped(child: str) -> str:
        return Path(f"/proc/{service.pid(child)}/maps").read_text()

    assert "libtorch" not in mapped("api")
    assert "libtorch" in mapped("worker-erase")


def test_workers_stand_back_for_the_front_end_with_all_their_threads(service: Service) -> None:
    def niceness(pid: int) -> set[int]:
        every = [each.read_text().rpartition(")")[2].split() for each in Path(f"/proc/{pid}/task").glob("*/stat")]
        return {int(fields[16]) for fields in every}

    usual = os.getpriority(os.PRIO_PROCESS, service.process.pid)
    behind = {"broker": 0, "api": 0, "worker-generate": 5, "worker-erase": 10}
    found = {child: niceness(service.pid(child)) for child in behind}
    assert found == {child: {min(usual + more, 19)} for child, more in behind.items()}
    assert {os.getsid(service.pid(child)) for child in behind} == {os.getsid(service.process.pid)}


def test_what_it_keeps_is_nobody_elses(service: Service) -> None:
    """Blobs are told by the folders they lie in: where the service's parts run as several users, all read them."""
    kept = [service.home, *service.home.rglob("*")]
    of_the_test, blobs = service.home / "terminal.log", service.home / "blobs"
    closed = [each for each in kept if each.is_dir() or (each != of_the_test and blobs not in each.parents)]
    assert {each.suffix for each in closed} >= {".sqlite3", ".log", ".json"}
    assert [each for each in closed if each.stat().st_mode & 0o077] == []


def test_a_terminal_interrupt_ends_it_cleanly(service: Service) -> None:
    service.process.send_signal(signal.SIGINT)
    assert service.process.wait(timeout=60) == 0
    assert service.output.rstrip().endswith("Stopped.")
    assert processes_in(service.home) == []
    assert list((service.home / "run").glob("*.json")) == []
