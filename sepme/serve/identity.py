"""Tell one process from every other that has had, or will have, the same number."""

import subprocess
from pathlib import Path

BOOT = Path("/proc/sys/kernel/random/boot_id")
STATE, START_TIME = 0, 19  # positions after the command name in /proc/<pid>/stat, see proc_pid_stat(5)
ENDED_STATES = {"Z", "X"}  # a zombie still has its number, but is no longer a process one could end


def start_mark(pid: int) -> str | None:
    """The start time of a living process as an opaque text, or None where there is no such process.

    Process numbers are used again; number and start mark together are not. On Linux the mark is the boot and the
    clock tick the process started at (no wall clock, which may be set), elsewhere the second that `ps` reports.
    """
    if BOOT.exists():
        return _mark_of_linux(pid)
    return _mark_of_ps(pid)


def _mark_of_linux(pid: int) -> str | None:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = status.rpartition(")")[2].split()  # the command name may hold spaces and brackets, so from the last one
    if fields[STATE] in ENDED_STATES:
        return None
    return f"{BOOT.read_text().strip()}:{fields[START_TIME]}"


def _mark_of_ps(pid: int) -> str | None:
    answer = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    if not answer or answer[0] in ENDED_STATES:
        return None
    return answer.partition(" ")[2].strip()
