"""The ends that the audit chain has had, in a file outside the database: what is cut off there is missed here.

A line for each change, `<sequence> <hash>`, written after the change has been committed. Several processes append to
one file; a line comes to it whole, in whatever order. Where a process dies between its commit and its line, the chain
is longer than the file says, which is no fault.
"""

import fcntl
import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from sepme_core.registry import audit, database

LINE = re.compile(r"^(\d{1,10}) (sha256:[0-9a-f]{64})$", re.MULTILINE)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Examined:
    """What a walk over the whole chain found.

    Attributes:
        entries: how many entries fit, from the first.
        head: the hash of the last of them.
        complaint: what is wrong, None where all holds.
    """

    entries: int
    head: str
    complaint: str | None


def keep(engine: Engine, file: Path) -> None:
    """Let every transaction of `database.writing` on this engine note the chain's new end in the file."""

    def note(session: Session) -> None:
        head = audit.appended(session)
        if head is not None:
            _note(file, head)

    database.after_writing(engine, note)


def examine(engine: Engine, file: Path) -> Examined:
    """Walk the chain, and look in it for every end that the file names.

    The file is read first: what it names was committed before, so the chain must hold it.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: the database is not usable.
    """
    noted = read(file)
    with database.reading(engine) as session:
        walked = audit.walk(session, noted)
    if walked.broken_at is not None:
        complaint = f"entry {walked.broken_at} does not fit the one before, or its own hash: it was changed or removed"
    elif walked.missing is not None:
        complaint = (
            f"{file} names entry {walked.missing} with a hash that the chain of {walked.entries} does not have there: "
            "its end was cut off or replaced"
        )
    else:
        complaint = None
    return Examined(walked.entries, walked.head, complaint)


def read(file: Path) -> dict[int, set[str]]:
    """Return the hashes that the file names, by sequence; none where there is no file. A torn line counts for none."""
    try:
        text = file.read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        return {}
    noted: dict[int, set[str]] = {}
    for sequence, digest in LINE.findall(text):
        noted.setdefault(int(sequence), set()).add(digest)
    return noted


def _note(file: Path, head: audit.Head) -> None:
    """The change is committed and stays, whatever becomes of its line."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        _append(file, f"{head.sequence} {head.hash}\n".encode())
    except OSError as error:
        logger.error("The audit's end, entry %d (%s), could not be noted: %s", head.sequence, head.hash, error)  # noqa: TRY400


def _append(file: Path, line: bytes) -> None:
    """Append durably, on a line of its own even where a process died in the middle of the last one."""
    with file.open("a+b") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        end = stream.seek(0, os.SEEK_END)
        if end:
            stream.seek(end - 1)
            if stream.read(1) != b"\n":
                line = b"\n" + line
        stream.write(line)
        stream.flush()
        os.fsync(stream.fileno())
