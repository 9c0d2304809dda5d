"""The service under test, its processes and its files."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx

from sepme.serve import pid_files

READY_SECONDS = 120.0


class Service:
    """``sepme serve`` on a folder of its own. It may be killed and started again on the same folder."""

    def __init__(self, home: Path, port: int) -> None:
        self.home, self.port = home, port
        self.address = f"http://127.0.0.1:{port}"
        self._supervisor: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until every part is up."""
        places = {"SEPME_HOME": str(self.home), "SEPME_PORT": str(self.port)}
        with (self.home / "terminal.log").open("ab") as terminal:
            self._supervisor = subprocess.Popen(
                (sys.executable, "-m", "sepme.command", "serve"),
                env={**os.environ, **places},
                stdout=terminal,
                stderr=terminal,
            )
        deadline = time.monotonic() + READY_SECONDS
        while not self._is_ready():
            if time.monotonic() > deadline:
                raise SystemExit(f"The service did not become ready; see {self.home}/terminal.log.")
            time.sleep(0.3)

    def stop(self) -> None:
        """End it in order."""
        if self._supervisor is not None:
            self._supervisor.terminate()
            self._supervisor.wait()

    def kill_supervisor(self) -> None:
        """Kill the supervisor, and start the service again, which ends what was left running."""
        assert self._supervisor is not None
        self._supervisor.kill()
        self._supervisor.wait()
        self.start()

    def signal(self, child: str, number: signal.Signals) -> bool:
        """Signal a child by its name; False where it does not run at the moment."""
        for record in pid_files.records(self.home / "run"):
            if record.name == child and pid_files.is_alive(record):
                os.kill(record.pid, number)
                return True
        return False

    @property
    def database(self) -> Path:
        """The registry's file."""
        return self.home / "registry.sqlite3"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the write lock of the database, as another program might."""
        with closing(sqlite3.connect(self.database, isolation_level=None, timeout=30)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("ROLLBACK")

    def _is_ready(self) -> bool:
        try:
            answer = httpx.get(f"{self.address}/readyz", timeout=5)
            return answer.is_success and answer.json()["status"] == "ready"
        except httpx.HTTPError:
            return False
