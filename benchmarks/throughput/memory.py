"""The most memory that some processes held at once."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

import psutil

EVERY_SECONDS = 0.1
MEBIBYTE = 2**20


@contextmanager
def watched(pids: Callable[[], Iterable[int]]) -> Iterator[Callable[[], float]]:
    """Look at the processes' resident memory again and again; gives what tells the most so far, in MiB."""
    over, most = threading.Event(), 0.0

    def look() -> None:
        nonlocal most
        while True:
            most = max(most, sum(map(_resident, pids())) / MEBIBYTE)
            if over.wait(EVERY_SECONDS):
                return

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield lambda: most
    finally:
        over.set()
        watcher.join()


def _resident(pid: int) -> int:
    with suppress(psutil.Error):  # it has just ended
        return int(psutil.Process(pid).memory_info().rss)
    return 0
