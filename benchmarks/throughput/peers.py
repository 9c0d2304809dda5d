"""The other servers, each in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.throughput.loop import Load, Measured
from benchmarks.throughput.services import HERE

WAYS = {"stock": "stock", "lora loaded": "load", "lora set": "set"}
"""The systems, and what `switching` calls them."""


@dataclass(frozen=True)
class Peer:
    """One that runs."""

    name: str
    process: "subprocess.Popen[str]"
    log: Path

    def measure(self, load: Load) -> Measured:
        """Have it put the load on itself."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(asdict(load)) + "\n")
        self.process.stdin.flush()
        return Measured(**self.answer())

    def answer(self) -> Any:
        """Its next line."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended:\n{self.log.read_text()[-2000:]}")
        return json.loads(line)


@contextmanager
def running(name: str, loras: Path, names: Sequence[str], log: Path) -> Iterator[Peer]:
    """Run a server that may mask these names; as it begins it may not be ready yet, its first answer says so."""
    command = (sys.executable, "-m", "benchmarks.throughput.switching", WAYS[name], str(loras), *names)
    with log.open("wb") as terminal:
        process = subprocess.Popen(
            command,
            env={**os.environ, "PYTHONPATH": str(HERE)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=terminal,
            text=True,
        )
    try:
        yield Peer(name, process, log)
    finally:
        process.terminate()  # it holds nothing that would be lost
        process.communicate()
