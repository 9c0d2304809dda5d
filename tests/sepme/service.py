"""A whole service as a user runs it, `sepme serve`, on a state folder and a port of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from sepme.serve import broker, pid_files
from tests.sepme.processes import processes_in, until

CHECKOUT = Path(__file__).parents[2]
START_SECONDS = 180.0  # three processes that import torch on two cores, one of which may be somebody else's
ENDED = {"succeeded", "failed", "cancelled"}


@dataclass(frozen=True)
class Service:
    """A service that runs: its process, where it listens, where its state is."""

    process: subprocess.Popen[bytes]
    address: str
    home: Path

    @property
    def output(self) -> str:
        """All that it has said on its terminal."""
        return (self.home / "terminal.log").read_text()

    @property
    def client(self) -> httpx.Client:
        """A client of its API with a patient timeout."""
        return httpx.Client(base_url=self.address, timeout=300.0, trust_env=False)

    def pid(self, child: str) -> int:
        """The process number of a child that is alive."""
        alive = [each.pid for each in pid_files.records(self.home / "run") if each.name == child]
        assert alive, f"{child} does not run"
        return alive[0]

    def log(self, child: str) -> str:
        """What a child has logged."""
        return (self.home / "logs" / f"{child}.log").read_text()

    def post(self, path: str, body: dict[str, Any], *, wait: int = 0) -> dict[str, Any]:
        """POST and give the answer's body."""
        with self.client as client:
            headers = {"Prefer": f"wait={wait}"} if wait else {}
            answer: dict[str, Any] = client.post(path, json=body, headers=headers).json()
            return answer

    def get(self, path: str) -> dict[str, Any]:
        """GET and give the answer's body."""
        with self.client as client:
            answer: dict[str, Any] = client.get(path).json()
            return answer

    def purge(self, concept: str) -> None:
        """Forget a concept altogether."""
        with self.client as client:
            client.delete(f"/concepts/{concept}", params={"purge": "true"}).raise_for_status()

    def job(self, job_id: str) -> dict[str, Any]:
        """A job as it stands."""
        return self.get(f"/jobs/{job_id}")

    def ended(self, job_id: str, seconds: float = 180.0) -> dict[str, Any]:
        """A job once it has ended."""
        until(lambda: self.job(job_id)["state"] in ENDED, seconds)
        return self.job(job_id)

    def under_way(self, job_id: str, seconds: float = 180.0) -> dict[str, Any]:
        """A job once its work has been reported at least once."""
        until(lambda: bool((self.job(job_id)["progress"] or {}).get("step")), seconds)
        return self.job(job_id)

    def environment(self) -> dict[str, str]:
        """What another worker needs to join the service."""
        url = broker.url(broker.socket_path(self.home))
        places = {"SEPME_HOME": str(self.home), "SEPME_BROKER_URL": url, "PYTHONPATH": str(CHECKOUT)}
        return {**os.environ, **places}


def free_port() -> int:
    """A port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def serving(home: Path, **settings: str) -> Iterator[Service]:
    """Run `sepme serve` until the block ends; fails where a process is left behind."""
    home.mkdir(parents=True, exist_ok=True)
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SEPME_")}
    environment |= {"PYTHONPATH": str(CHECKOUT), "SEPME_HOME": str(home), "SEPME_PORT": str(port)}
    environment |= {"SEPME_ERASE_WORKERS": "1", **settings}  # so that which worker has a job is no question
    with (home / "terminal.log").open("wb") as terminal:
        command = (sys.executable, "-m", "sepme.command", "serve")
        process = subprocess.Popen(command, env=environment, cwd=home, stdout=terminal, stderr=subprocess.STDOUT)
    service = Service(process, f"http://127.0.0.1:{port}", home)
    try:
        await_ready(service)
        yield service
    finally:
        stop(service)
        pid_files.end_orphans(home / "run", grace_seconds=1.0)
    assert processes_in(home) == []


def await_ready(service: Service) -> None:
    """Wait until the service says that it is ready."""
    deadline = time.monotonic() + START_SECONDS
    while "Ready." not in service.output:
        assert service.process.poll() is None, service.output
        assert time.monotonic() < deadline, service.output
        time.sleep(0.1)


def stop(service: Service) -> None:
    """Ask it to stop, twice if need be."""
    for _request in range(2):
        if service.process.poll() is None:
            service.process.send_signal(signal.SIGTERM)
            try:
                service.process.wait(timeout=45)
            except subprocess.TimeoutExpired:
                continue
    service.process.kill()
    service.process.wait()
