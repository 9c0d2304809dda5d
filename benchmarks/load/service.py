"""A service of its own, with concepts that were erased before it started, and its front end's memory."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
from sqlalchemy import delete

from benchmarks.history import fill
from benchmarks.service_speed import PORT, await_ready
from sepme.serve import pid_files
from sepme_core.registry.database import make_engine, migrate, writing
from sepme_core.registry.tables import ServedModel

HERE = Path(__file__).parents[2]


@dataclass(frozen=True)
class Running:
    """A service that is ready: its state folder, and a client of it."""

    home: Path
    client: httpx.Client

    def memory(self) -> float:
        """The front end's resident memory in MiB."""
        pid = next(each.pid for each in pid_files.records(self.home / "run") if each.name == "api")
        return float(psutil.Process(pid).memory_info().rss) / 2**20


@contextmanager
def running(code: Path, concepts: int) -> Iterator[Running]:
    """Run `sepme serve` of a checkout, on a state folder in which so many concepts are known."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        database = f"sqlite:///{home / 'registry.sqlite3'}"
        engine = make_engine(database)
        migrate(engine)
        fill(engine, concepts, versions=1)
        with writing(engine) as session:  # the worker's own is to be waited for
            session.execute(delete(ServedModel))
        engine.dispose()
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SEPME_")}
        environment |= {"SEPME_HOME": folder, "SEPME_PORT": str(PORT), "SEPME_DATABASE_URL": database}
        with (home / "terminal.log").open("wb") as terminal:
            service = subprocess.Popen(
                (sys.executable, "-m", "sepme.command", "serve"),
                env={**environment, "PYTHONPATH": str(code)},
                cwd=home,
                stdout=terminal,
                stderr=subprocess.STDOUT,
            )
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{PORT}", timeout=300, trust_env=False) as client:
                await_ready(client)
                yield Running(home, client)
        finally:
            service.terminate()
            service.wait()
