"""A sign of life for whoever supervises a process: a file that is touched every second, while the process can.

A process that is stopped, or hangs as a whole, holds on to what it has locked; the file's age tells it from one that is
busy. No torch.
"""

import os
import threading
from contextlib import suppress
from pathlib import Path

BEAT_SECONDS = 1.0


def touch(file: Path) -> None:
    """Give the sign once. It needs no room on the disk but for the first time, and a failure is no sign."""
    with suppress(OSError):
        file.touch()
        os.utime(file)


def keep_touching(file: Path) -> None:
    """Give it every second from now on, from a thread, until the process ends."""

    def beat() -> None:
        over = threading.Event()
        while True:
            touch(file)
            over.wait(BEAT_SECONDS)

    threading.Thread(target=beat, name="pulse", daemon=True).start()
