"""`sepme serve` of a checkout, on a state folder of its own in which a hundred concepts are erased."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import psutil

from benchmarks import service_speed
from benchmarks.throughput.asked import ERASED, GUIDANCE, SIDE, Asked
from benchmarks.throughput.loop import Ask, Load, Measured, run
from benchmarks.throughput.memory import watched
from sepme.serve import pid_files

HERE = Path(__file__).parents[2]
PATIENCE = 600.0
"""For a start, or one answer, of a machine that has other things to do."""
QUIET_SECONDS, QUIET_SHARE = 2.0, 0.1
"""Ready to be measured: so long with less than this share of a core, after what workers do ahead."""


@dataclass(frozen=True)
class Service:
    """One that is ready."""

    name: str
    home: Path
    address: str
    pid: int

    def measure(self, load: Load) -> Measured:
        """Put the load on it, over HTTP; memory is that of the workers that draw."""
        with watched(self._drawing) as most:
            measured = run(load, self.connect)
        return replace(measured, memory=most())

    @contextmanager
    def connect(self) -> Iterator[Ask]:
        """A connection of one's own; a picture is there when its bytes are."""
        with httpx.Client(base_url=self.address, timeout=PATIENCE, trust_env=False) as client:
            client.get("/livez")

            def ask(request: Asked) -> None:
                answer = client.post("/generate", json=_body(request), headers={"Prefer": "wait=590"})
                job = answer.json()
                if answer.status_code != httpx.codes.OK:
                    raise SystemExit(f"{self.name}: a picture was answered {answer.status_code}: {answer.text}")
                client.get(job["result"]["images"][0]["url"]).raise_for_status()

            yield ask

    def await_quiet(self) -> None:
        """Wait until its processes have next to nothing to do."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            before = self._computed()
            time.sleep(QUIET_SECONDS)
            if self._computed() - before < QUIET_SECONDS * QUIET_SHARE:
                return
        raise SystemExit(f"{self.name} does not become quiet.")

    def _drawing(self) -> list[int]:
        found = pid_files.records(self.home / "run")
        return [each.pid for each in found if each.name.startswith("worker-generate")]

    def _computed(self) -> float:
        processes = [psutil.Process(self.pid), *psutil.Process(self.pid).children(recursive=True)]
        return sum(sum(process.cpu_times()[:2]) for process in processes)


def _body(request: Asked) -> dict[str, object]:
    asked = {"prompt": request.prompt, "erased": list(request.erased), "seed": request.seed}
    return {**asked, "steps": request.steps, "guidance_scale": GUIDANCE, "width": SIDE, "height": SIDE}


def make_state(code: Path, folder: Path) -> None:
    """The state folder of a service by a checkout's code, in `home`, and its increments as LoRA files, in `loras`."""
    folder.mkdir()
    (folder / "home").mkdir()
    script = Path(__file__).with_name("state.py")
    command = (sys.executable, "-P", str(script), str(folder / "home"), str(folder / "loras"), *ERASED)
    with (folder / "filling.log").open("wb") as log:
        done = subprocess.run(command, env=_environment(code), stdout=log, stderr=log, check=False)
    if done.returncode:
        raise SystemExit(f"The registry of {code.name} was not filled:\n{(folder / 'filling.log').read_text()}")


@contextmanager
def serving(name: str, code: Path, state: Path, home: Path, settings: Mapping[str, str]) -> Iterator[Service]:
    """Run `sepme serve` of a checkout on a copy of a state folder; as it begins it may not be ready yet."""
    shutil.copytree(state, home)
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    places = {"SEPME_HOME": str(home), "SEPME_PORT": str(port), "SEPME_ERASE_WORKERS": "1"}
    with (home / "terminal.log").open("wb") as terminal:
        process = subprocess.Popen(
            (sys.executable, "-m", "sepme.command", "serve"),
            env={**_environment(code), **places, **settings},
            cwd=home,
            stdout=terminal,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Service(name, home, f"http://127.0.0.1:{port}", process.pid)
    finally:
        process.terminate()
        process.wait()


def await_ready(service: Service) -> None:
    """Wait until every queue has a worker."""
    with httpx.Client(base_url=service.address, timeout=10, trust_env=False) as client:
        try:
            service_speed.await_ready(client, PATIENCE)
        except SystemExit as reason:
            log = (service.home / "terminal.log").read_text()[-2000:]
            raise SystemExit(f"{service.name}: {reason}\n{log}") from None


def _environment(code: Path) -> dict[str, str]:
    """This process's, without its settings of the service; the code is that of the checkout."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SEPME_")}
    return {**inherited, "PYTHONPATH": str(code)}
