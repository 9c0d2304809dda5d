"""The form that one command starts: a supervisor, a front end, workers, a broker on a unix socket, SQLite."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import redis

from benchmarks.chaos.service import Service, free_port
from sepme.serve import broker, pid_files
from sepme_core.registry.database import make_engine


class Embedded(Service):
    """``sepme serve``. It may be killed and started again on the same folder."""

    name, survivors = "embedded", False

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        port = free_port()
        self.addresses = [f"http://127.0.0.1:{port}"]
        self.engine = make_engine(f"sqlite:///{folder / 'registry.sqlite3'}")
        self._environment = {**os.environ, "SEPME_HOME": str(folder), "SEPME_PORT": str(port)}
        self._supervisor: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until every part is up."""
        with (self.folder / "terminal.log").open("ab") as terminal:
            self._supervisor = subprocess.Popen(
                (sys.executable, "-m", "sepme.command", "serve"),
                env=self._environment,
                stdout=terminal,
                stderr=terminal,
            )
        self.await_ready()

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

    def pids(self, part: str) -> list[int]:
        """The processes of a part that run at the moment; workers of a queue are one part."""
        return [
            record.pid
            for record in pid_files.records(self.folder / "run")
            if record.name.startswith(part) and pid_files.is_alive(record)
        ]

    def logs(self) -> list[Path]:
        """What the processes logged."""
        return [self.folder / "terminal.log", *(self.folder / "logs").glob("*")]

    def cut(self) -> None:
        """End all connections to the broker."""
        with suppress(redis.RedisError), redis.Redis(unix_socket_path=str(broker.socket_path(self.folder))) as client:
            client.client_kill_filter(_type="normal", skipme=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the write lock of the database, as another program might."""
        file = str(self.engine.url.database)
        with closing(sqlite3.connect(file, isolation_level=None, timeout=30)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("ROLLBACK")
