"""The folder that holds everything `sepme serve` keeps, and the lock that gives it to one run at a time."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

LOCK = "serve.lock"
PRIVATE_UMASK = 0o077


class FolderInUse(Exception):
    """Another `sepme serve` holds the folder; the message names its process and the remedy."""


def make_private(folder: Path) -> None:
    """Make a folder if need be, and close one of this user's to everybody else.

    One that is plainly shared (it is sticky), or the user's home, is left as it is: what is made inside is private.

    Raises:
        OSError: it cannot be made or closed.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    status = folder.stat()
    shared = status.st_mode & stat.S_ISVTX or folder in (Path.home(), Path(folder.anchor))
    if status.st_mode & 0o077 and status.st_uid == os.getuid() and not shared:
        folder.chmod(stat.S_IMODE(status.st_mode) & 0o700)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Make the folder if need be and hold it until the block ends, or until this process dies in whatever way.

    Raises:
        FolderInUse: another run holds it.
        OSError: the folder cannot be made or written to.
    """
    make_private(folder)
    lock = FileLock(folder / LOCK, mode=0o600, on_acquired=_sign)
    try:
        lock.acquire(blocking=False)
    except Timeout as in_use:
        holder = (folder / LOCK).read_text() or "unknown"
        raise FolderInUse(
            f"sepme already serves from {folder} (process {holder}). "
            "Stop that one, or give this one a state folder and a port of its own: SEPME_HOME=… SEPME_PORT=…"
        ) from in_use
    try:
        yield
    finally:
        lock.release()


def _sign(descriptor: int) -> None:
    """Say in the lock's file who holds it."""
    os.ftruncate(descriptor, 0)
    os.write(descriptor, str(os.getpid()).encode())
