"""How many files a request runs through, front end and worker together: ``python -m benchmarks.files_walked [--list]``.

A service of this process alone, on a state folder of its own: the application behind the test client, and what a worker
does in the same thread when the request is answered. A file counts where one of its functions is called on the way from
the request to the job's end; files that are only imported do not, nor do those of libraries.
"""

import argparse
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from fastapi.testclient import TestClient

from app.main import create_app
from sepme_core.registry.database import writing
from sepme_core.registry.serving import announce_model
from sepme_core.settings import Settings
from worker import work
from worker.process import WorkerProcess, load

ROOT = Path(__file__).parents[1]
ROOMS = ("app", "worker", "sepme_core", "sepme")


BY_THE_WAY = {"reaper", "collector"}
"""Threads that serve no request."""


class Walk:
    """Notes which files' functions are called, in all threads that are started after it."""

    def __init__(self) -> None:
        self._called: set[CodeType] = set()
        threading.setprofile(self._note)
        sys.setprofile(self._note)

    def of(self, ask: Callable[[], Any], worker: WorkerProcess | None) -> list[str]:
        """The files of this project that a request runs through, its job included."""
        self._called = set()
        ask().raise_for_status()
        while worker is not None and work.do_next(worker, lambda: None):
            pass
        paths = {Path(code.co_filename) for code in list(self._called) if code.co_name != "<module>"}
        inside = {path.relative_to(ROOT) for path in paths if path.is_relative_to(ROOT)}
        return sorted(str(path) for path in inside if path.parts[0] in ROOMS)

    def _note(self, frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and threading.current_thread().name not in BY_THE_WAY:
            self._called.add(frame.f_code)


def main() -> None:
    """Walk the three requests."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", action="store_true", help="name the files")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        settings = Settings(home=home, database_url=f"sqlite:///{home / 'registry.sqlite3'}", model="demo")
        erasing, drawing = load(settings, "erase@here", "erase"), load(settings, "generate@here", "generate")
        with writing(erasing.engine) as session:
            announce_model(session, erasing.base.describe() | {"capacity": {"directions": 0, "left": 0}})
        walk = Walk()
        with TestClient(create_app(settings), base_url="http://127.0.0.1") as client:
            for method, path, body, worker in (
                ("POST", "/concepts/cat/erase", {"kind": "object"}, erasing),
                ("POST", "/generate", {"prompt": "a cat", "seed": 1}, drawing),
                ("DELETE", "/concepts/cat", None, None),
            ):
                files = walk.of(partial(client.request, method, path, json=body), worker)
                print(f"{len(files):3} files  {method} {path}")
                for file in files if options.list else ():
                    print(f"           {file}")
        sys.setprofile(None)


if __name__ == "__main__":
    main()
