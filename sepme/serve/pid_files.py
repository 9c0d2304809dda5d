"""One small file for each child that runs, so that the next run finds what a killed one left behind."""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

BOOT = Path("/proc/sys/kernel/random/boot_id")
ENDED = {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}  # a zombie still has its number, but nothing one could end
POLL_SECONDS = 0.05


def start_mark(pid: int) -> str | None:
    """The start time of a living process as an opaque text, or None where there is no such process.

    Process numbers are used again; number and start mark together are not. On Linux the mark is the boot and the
    clock tick the process started at (no wall clock, which may be set), elsewhere its time of start.
    """
    try:
        process = psutil.Process(pid)
        if process.status() in ENDED:
            return None
        started = process.create_time()
    except (psutil.Error, ValueError, TypeError):  # gone, somebody else's to look at, or no process number at all
        return None
    if not BOOT.exists():
        return str(started)
    ticks = round((started - psutil.boot_time()) * os.sysconf("SC_CLK_TCK"))  # psutil had added the boot's time
    return f"{BOOT.read_text().strip()}:{ticks}"


@dataclass(frozen=True)
class Record:
    """A child as its pid file names it; `started` is its start mark."""

    name: str
    pid: int
    started: str


def write(folder: Path, name: str, pid: int) -> Record | None:
    """Note a child that was just started, or nothing where it has ended already."""
    started = start_mark(pid)
    if started is None:
        return None
    record = Record(name, pid, started)
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{name}.json"
    draft.write_text(json.dumps(asdict(record)))
    draft.replace(folder / f"{name}.json")
    return record


def remove(folder: Path, name: str) -> None:
    """Forget a child that has ended."""
    (folder / f"{name}.json").unlink(missing_ok=True)


def records(folder: Path) -> Iterator[Record]:
    """All children noted in the folder, alive or not; a file that cannot be read is removed."""
    for path in sorted(folder.glob("*.json")):
        try:
            yield Record(**json.loads(path.read_text()))
        except FileNotFoundError:  # that child has ended since the folder was listed
            continue
        except (ValueError, TypeError):  # cut short by a full disk, or written by another version
            path.unlink(missing_ok=True)


def is_alive(record: Record) -> bool:
    """Whether the very process of the record still runs, not another with its number."""
    return start_mark(record.pid) == record.started


def end_orphans(folder: Path, grace_seconds: float) -> list[Record]:
    """End every process that an earlier run noted and did not end, and forget the files.

    They are ended, not taken over: their output goes to a pipe nobody reads any more, and a job cut short runs
    again by its lease. SIGTERM first, SIGKILL after the grace.

    Returns: the processes that had to be ended.
    """
    noted = list(records(folder))
    orphans = [record for record in noted if is_alive(record)]
    for orphan in orphans:
        _signal_group(orphan, signal.SIGTERM)
    deadline = time.monotonic() + grace_seconds
    while any(map(is_alive, orphans)) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    for orphan in filter(is_alive, orphans):
        _signal_group(orphan, signal.SIGKILL)
    while any(map(is_alive, orphans)):
        time.sleep(POLL_SECONDS)
    for orphan in orphans:
        kill_rest_of_group(orphan.pid)
    for record in noted:
        remove(folder, record.name)
    return orphans


def kill_rest_of_group(leader: int) -> None:
    """Kill what a process that has just ended left of its group, if anything."""
    with suppress(ProcessLookupError, PermissionError):  # PermissionError: macOS, where only zombies are left
        os.killpg(leader, signal.SIGKILL)


def _signal_group(record: Record, number: signal.Signals) -> None:
    """Signal the child and what it started: each child leads a process group of its own."""
    if not is_alive(record):
        return
    try:
        os.killpg(record.pid, number)
    except (ProcessLookupError, PermissionError):  # ended in between, or no group leader: then the process alone
        with suppress(ProcessLookupError):
            os.kill(record.pid, number)
