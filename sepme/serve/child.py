"""One supervised process: in a process group of its own, with a pid file, a log that turns over, and backoff."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO

from sepme.serve import pid_files
from sepme.serve.state_folder import make_private

FIRST_SECONDS = 0.2  # a worker killed by accident is back at once: its job's lease runs out in eight seconds
MOST_SECONDS = 30.0
CALM_SECONDS = 20.0  # a child that lived this long had started, and worked; what ended it is no reason to wait
LOG_BYTES = 5_000_000
LOG_COUNT = 3
MOST_NICE = 19
TAIL_LINES = 12


@dataclass(frozen=True)
class Backoff:
    """Deaths in a row, and the wait they ask for: 0.2 s, 0.4 s, 0.8 s … 30 s."""

    deaths: int = 0

    def after_death(self, lived_seconds: float) -> "Backoff":
        """The backoff once a child has died that lived this many seconds."""
        return Backoff(1 if lived_seconds >= CALM_SECONDS else self.deaths + 1)

    @property
    def seconds(self) -> float:
        """The wait in seconds before the next start."""
        if self.deaths == 0:
            return 0.0
        doublings = min(self.deaths - 1, 16)  # 2**16 is far beyond MOST_SECONDS; the bound only keeps the power small
        return min(MOST_SECONDS, FIRST_SECONDS * 2.0**doublings)


class ChildLog(RotatingFileHandler):
    """Lines of one child. A disk that is full loses them, and neither ends the child nor floods the terminal."""

    def __init__(self, file: Path, say: Callable[[str], None]) -> None:
        super().__init__(file, maxBytes=LOG_BYTES, backupCount=LOG_COUNT, encoding="utf-8", delay=True)
        self._say = say
        self._said: set[str] = set()

    def write(self, line: str) -> None:
        """Add a line."""
        self.handle(logging.makeLogRecord({"msg": line}))

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802, ARG002 - logging's own name and form
        """Say why a line could not be written, unless that was said before."""
        error = sys.exc_info()[1]
        cause = (error.strerror if isinstance(error, OSError) else None) or str(error)
        if cause not in self._said:
            self._said.add(cause)
            self._say(f"{self.baseFilename} cannot be written ({cause}): what is said there is lost until it can.")

    def close(self) -> None:
        """Close the file, whatever of it could not be written."""
        with suppress(OSError):
            super().close()


@dataclass(frozen=True)
class ChildPlan:
    """How one child is run.

    Attributes:
        name: what it is called in messages, in its log's name and in its pid file.
        command: program and arguments.
        environment: variables set over those of this process.
        stop_seconds: how long it may take over SIGTERM before it is killed.
        ready: asked until it says yes before the children after it are started; None: do not wait.
        silent_seconds: once it has given a sign of life, for how long it may give none before it is killed; None: it
            gives none.
        folders: made before each start, for this user alone: somebody may have removed them since the last.
        niceness: how far it stands back from this process where several want the processor, from 0 to 19.
        ends_last: ended only after the others have, because they need it to finish their work.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_seconds: float = 10.0
    ready: Callable[[], bool] | None = None
    silent_seconds: float | None = None
    niceness: int = 0
    folders: tuple[Path, ...] = ()
    ends_last: bool = False


class Pulse:
    """The sign of life of one child, a file that it touches, by the clock of whoever looks.

    A clock that stood still while the machine slept does not count that time, and the first sign is waited for: a model
    may take minutes to load, the libraries seconds.
    """

    def __init__(self, file: Path) -> None:
        """Forget the sign of an earlier child."""
        self.file = file
        self._touched: int | None = None
        self._seen = time.monotonic()
        with suppress(OSError):
            file.unlink(missing_ok=True)

    def silent_for(self) -> float:
        """Seconds since the last new sign that was seen; 0 before the first."""
        now, touched = time.monotonic(), self._last_touched()
        if touched is None or touched != self._touched:
            self._touched, self._seen = touched, now
        return now - self._seen

    def _last_touched(self) -> int | None:
        try:
            return self.file.stat().st_mtime_ns
        except OSError:
            return None


class Child:
    """A process that runs, from its start to its end. Starting again means another Child."""

    def __init__(
        self,
        plan: ChildPlan,
        home: Path,
        say: Callable[[str], None],
        echo: Callable[[str], None] | None = None,
    ) -> None:
        """Start it.

        Raises:
            OSError: the program cannot be run, a folder not be made, or its pid file not be written.
        """
        for folder in (home, home / "logs", home / "run", *plan.folders):
            make_private(folder)
        self.plan = plan
        self._pid_folder = home / "run"
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._say, self._echo = say, echo
        self._started = time.monotonic()
        self._pulse = Pulse(self._pid_folder / f"{plan.name}.pulse")
        self._process = subprocess.Popen(
            plan.command,
            cwd=home,  # not the caller's folder: an app/ or worker/ of theirs must not be imported in place of ours
            env={
                **os.environ,
                "PYTHONUNBUFFERED": "1",
                "SEPME_PULSE_FILE": str(self._pulse.file),
                **plan.environment,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # A group of its own: Ctrl+C reaches the supervisor alone, which then ends the children in order. Not a
            # session: where Linux shares the processor between sessions (autogroup), niceness counts within one only.
            process_group=0,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        self._stand_back()
        try:
            pid_files.write(self._pid_folder, plan.name, self._process.pid)
        except OSError:  # the disk is full: what could not be found again must not run
            self._process.kill()
            self._process.wait()
            raise
        self._reader = threading.Thread(
            target=self._read, args=(home / "logs",), name=f"log of {plan.name}", daemon=True
        )
        self._reader.start()

    def _stand_back(self) -> None:
        """By the group, with all threads: set by the process it would be that of its first thread alone on Linux."""
        nice = min(os.getpriority(os.PRIO_PROCESS, 0) + self.plan.niceness, MOST_NICE)
        with suppress(OSError):  # it may have ended already
            os.setpriority(os.PRIO_PGRP, self.pid, nice)

    @property
    def pid(self) -> int:
        """The number of its process, which is that of its process group too."""
        return self._process.pid

    @property
    def lived_seconds(self) -> float:
        """Seconds since its start."""
        return time.monotonic() - self._started

    @property
    def is_silent(self) -> bool:
        """Whether it gives no sign of life any more, though it has not ended: stopped, or hanging as a whole."""
        return self.plan.silent_seconds is not None and self._pulse.silent_for() > self.plan.silent_seconds

    @property
    def last_words(self) -> list[str]:
        """The last lines it wrote."""
        return list(self._tail)

    def exit_status(self) -> int | None:
        """None while it runs; its exit status, negative for a signal, once it has ended."""
        return self._process.poll()

    def send(self, number: signal.Signals) -> None:
        """Signal it and what it has started."""
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def bury(self) -> None:
        """End what it may have left running, read its last words, forget its pid file; call it once it has ended."""
        pid_files.kill_rest_of_group(self.pid)
        self._reader.join(timeout=2.0)
        pid_files.remove(self._pid_folder, self.plan.name)

    def _read(self, folder: Path) -> None:
        stream = self._process.stdout
        if stream is not None:
            with stream:
                self._copy(stream, folder)

    def _copy(self, stream: IO[str], folder: Path) -> None:
        log = ChildLog(folder / f"{self.plan.name}.log", self._say)
        try:
            for line in stream:
                words = line.rstrip("\n")
                self._tail.append(words)
                log.write(words)
                if self._echo is not None:
                    self._echo(f"{self.plan.name:<16} {words}")
        finally:
            log.close()
