"""The folder that holds everything `sepme serve` keeps, and the lock that gives it to one run at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK = "serve.lock"


class FolderInUse(Exception):
    """Another `sepme serve` holds the folder; the message names its process and the remedy."""


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Make the folder if need be and hold it until the block ends, or until this process dies in whatever way.

    Raises:
        FolderInUse: another run holds it.
        NotADirectoryError, PermissionError: the folder cannot be made or written to.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _lock(descriptor, folder)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        yield
    finally:
        os.close(descriptor)  # closing is what unlocks; children never inherit the descriptor (PEP 446)


def _lock(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as in_use:
        holder = os.pread(descriptor, 20, 0).decode() or "unknown"
        raise FolderInUse(
            f"sepme already serves from {folder} (process {holder}). "
            "Stop that one, or give this one a state folder and a port of its own: SEPME_HOME=… SEPME_PORT=…"
        ) from in_use
