"""Where the service keeps things, and where it listens."""

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sepme.serve import run
from sepme_core.documents.diagnosis import Finding, failed, ok, warning
from sepme_core.settings import Settings

TIGHT = 4
"""Less than so many times of what is to be kept free, and somebody had better look soon."""


def of_folder(home: Path) -> Finding:
    """The state folder."""
    name, nearest = "state folder", _existing(home)
    if home.exists() and nearest != home:
        return failed(name, f"{home} is no folder", "Move it away, or set SEPME_HOME to another.")
    if not os.access(nearest, os.W_OK | os.X_OK):
        return failed(
            name,
            f"{nearest} cannot be written to",
            "Give it to the user that sepme runs as, or set SEPME_HOME to another.",
        )
    if nearest != home:
        return ok(name, f"none yet: the first start makes {home}")
    status = home.stat()
    if status.st_uid != os.getuid() and os.getuid() == 0:
        remedy = "Run sepme as that user, and not as root."
        return warning(name, f"{home} is another user's (number {status.st_uid})", remedy)
    if stat.S_IMODE(status.st_mode) & 0o077 and not status.st_mode & stat.S_ISVTX:
        return warning(name, f"{home} is open to others: prompts and pictures are in it", f"chmod 700 {home}")
    return ok(name, str(home))


def of_disk(settings: Settings) -> Finding:
    """The room where increments and pictures are kept, and the state folder."""
    folders = {_existing(settings.home), _existing(Path(unquote(urlsplit(settings.blob_url).path)))}
    free, folder = min((shutil.disk_usage(each).free, str(each)) for each in folders)
    said = f"{free / 2**30:.1f} GiB are free at {folder}"
    if free < settings.disk_free_bytes:
        least = f"{settings.disk_free_bytes / 2**30:.1f} GiB (SEPME_DISK_FREE_BYTES)"
        return failed("disk", f"{said}, less than {least}: new work is refused", "Make room there.")
    if free < TIGHT * settings.disk_free_bytes:
        return warning("disk", said, "Make room there soon, or keep less: SEPME_KEEP_PICTURES_DAYS.")
    return ok("disk", said)


def of_port(settings: Settings) -> Iterator[Finding]:
    """Whether a service of ours answers where it listens, and how it is; else whether the port can be had."""
    where = run.address(settings)
    answer = run.ask(where)
    if answer is not None:
        yield ok("port", f"sepme answers at {where}")
        remedy = "Wait where it has just started; else look into the logs (docs/logs.md)."
        yield from (warning("service", f"{part}: {lack}", remedy) for part, lack in answer.lacking.items() if lack)
        return
    try:
        run.check_port(settings)
    except run.CannotServe as taken:
        said, _, remedy = str(taken).partition(". ")
        yield failed("port", said, remedy)
        return
    yield ok("port", f"{settings.port} on {settings.host} is free: nothing serves there now")


def _existing(folder: Path) -> Path:
    """The folder, or the nearest above it that there is."""
    return next(each for each in (folder, *folder.parents) if each.is_dir())
