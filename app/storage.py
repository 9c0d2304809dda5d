"""How much room is left where the service writes: new work is refused before there is none."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sqlalchemy.engine import make_url

from app.problems import Problem
from sepme_core import problems
from sepme_core.settings import Settings

RETRY_SECONDS = 300


@dataclass(frozen=True)
class Room:
    """The folder on this machine with the least room, and how many bytes that is."""

    folder: Path
    free_bytes: int


def room(settings: Settings) -> Room:
    """Look where pictures and increments, and the database's file if it is one, are written."""
    folders = [_existing(Path(unquote(urlsplit(settings.blob_url).path)))]
    database = make_url(settings.database_url)
    if database.drivername == "sqlite":
        folders.append(_existing(Path(str(database.database)).parent))
    return min((Room(folder, shutil.disk_usage(folder).free) for folder in folders), key=lambda each: each.free_bytes)


def complaint(settings: Settings) -> str | None:
    """Say what is wrong where less is left than is to be kept free."""
    found = room(settings)
    if found.free_bytes >= settings.disk_free_bytes:
        return None
    return f"{found.free_bytes} bytes are free at {found.folder}, and {settings.disk_free_bytes} are to be kept free"


def refuse_where_full(settings: Settings) -> None:
    """Take no new work for which there may be no room.

    Raises:
        Problem: `storage-full`.
    """
    found = complaint(settings)
    if found is not None:
        raise Problem(problems.STORAGE_FULL, f"{found}.", headers={"Retry-After": str(RETRY_SECONDS)})


def _existing(folder: Path) -> Path:
    """The folder, or the nearest above it that there is: it may not have been made yet."""
    return next(each for each in (folder, *folder.parents) if each.is_dir())
