"""What the two forms of the service have in common: addresses, parts that can be killed, a registry, a disk."""

import os
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
from sqlalchemy import Engine, text

READY_SECONDS = 120.0
DISK_BYTES = 2 * 1024**3
CUT_SECONDS = 3.0


class Service(ABC):
    """A service under test. Its state lies in `folder`, a disk of its own where one can be mounted."""

    name: str
    survivors: bool
    """Whether another worker lives where one is killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.has_own_disk = mount(folder)

    addresses: list[str]
    engine: Engine

    @abstractmethod
    def start(self) -> None:
        """Start it, and wait until every part is up."""

    @abstractmethod
    def stop(self) -> None:
        """End it in order."""

    @abstractmethod
    def pids(self, part: str) -> list[int]:
        """The processes of a part, by its name, that run at the moment."""

    @abstractmethod
    def locked(self) -> AbstractContextManager[None]:
        """Hold what others must have to write to the database."""

    @abstractmethod
    def cut(self) -> None:
        """End all connections to the broker, and to the database where there are any."""

    @abstractmethod
    def logs(self) -> list[Path]:
        """What the processes logged."""

    @property
    def blobs(self) -> Path:
        """Where increments and pictures lie."""
        return self.folder / "blobs"

    def close(self) -> None:
        """End it and give the disk back."""
        self.stop()
        self.engine.dispose()
        if self.has_own_disk:
            subprocess.run(("umount", "--lazy", str(self.folder)), check=True)

    def await_ready(self) -> None:
        """Wait until every front end says that all is there."""
        deadline = time.monotonic() + READY_SECONDS
        while not all(is_ready(address) for address in self.addresses):
            if time.monotonic() > deadline:
                raise SystemExit(f"The service did not become ready; its logs are in {self.folder}.")
            time.sleep(0.3)

    def cut_for_a_while(self) -> None:
        """Cut connections as soon as they are made, for seconds."""
        deadline = time.monotonic() + CUT_SECONDS
        while time.monotonic() < deadline:
            self.cut()
            time.sleep(0.05)

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        """Leave no byte free on the service's disk."""
        filler = self.folder / "filler"
        try:
            fill(filler)
            yield
        finally:
            filler.unlink(missing_ok=True)

    def running(self, queue: str) -> dict[str, tuple[int, int]]:
        """The jobs of a queue under way: id to attempt and the worker's process."""
        question = text("SELECT id, attempt, worker FROM jobs WHERE state = 'running' AND queue = :queue")
        with self.engine.connect() as connection:
            rows = connection.execute(question, {"queue": queue}).all()
        return {job_id: (attempt, int(worker.rpartition(":")[2])) for job_id, attempt, worker in rows}

    def unfinished(self, queue: str) -> set[str]:
        """The jobs of a queue that have not ended."""
        question = text("SELECT id FROM jobs WHERE state IN ('queued', 'running') AND queue = :queue")
        with self.engine.connect() as connection:
            return set(connection.scalars(question, {"queue": queue}))


def mount(folder: Path) -> bool:
    """Mount a small disk there. False where this user may not."""
    command = ("mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=755", "sepme-chaos", str(folder))
    return os.geteuid() == 0 and subprocess.run(command, check=False, capture_output=True).returncode == 0


def fill(filler: Path) -> None:
    """Write to a file until the disk is full to the last page."""
    with filler.open("wb") as file:
        size = DISK_BYTES
        while size >= os.sysconf("SC_PAGE_SIZE"):
            try:
                os.posix_fallocate(file.fileno(), file.tell(), size)
                file.seek(0, os.SEEK_END)
            except OSError:
                size //= 2


def is_ready(address: str) -> bool:
    """Whether a front end says that all is there."""
    try:
        answer = httpx.get(f"{address}/readyz", timeout=5)
        return answer.is_success and answer.json()["status"] == "ready"
    except httpx.HTTPError:
        return False


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])
