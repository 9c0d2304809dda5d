"""Real processes for the tests of the supervisor, and the certainty that none is left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

SLEEPER = "import time\nprint('awake', flush=True)\nwhile True: time.sleep(0.05)"
STUBBORN = (
    "import signal, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "print('deaf', flush=True)\n"
    "while True: time.sleep(0.05)"
)


def python(source: str) -> tuple[str, ...]:
    """The command line that runs a few lines of Python."""
    return (sys.executable, "-c", source)


def until(holds: Callable[[], bool], seconds: float = 15.0) -> None:
    """Wait until something holds; fail where it does not within the time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.02)


@contextmanager
def running(*command: str, **options: object) -> Iterator[subprocess.Popen[str]]:
    """A process in a group of its own that is killed with its whole group when the block ends."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        **options,  # type: ignore[call-overload]
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def processes_in(folder: Path) -> list[int]:
    """Numbers of the living processes whose current folder is the given one: the children of a supervisor."""
    home = str(folder.resolve())
    return [each.pid for each in psutil.process_iter(["cwd"]) if each.info["cwd"] == home]
