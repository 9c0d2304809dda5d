"""A job followed to its end: progress on stderr, as a bar with the time left on a terminal, as lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sepme.commands import printing, problems
from sepme.commands.endings import DONE, FINDING
from sepme_core.terms import FINISHED

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from sepme.client import Job
    from sepme.client.connection import Blocking
    from sepme_core.documents.answers import JobDocument

PAUSE_SECONDS = 5.0
"""Where nobody sits before a terminal a line is enough for as long."""
Told = Callable[[dict[str, Any]], None]


def to_its_end(job: "Job[Blocking, Any]", what: str) -> "Job[Blocking, Any]":
    """Follow a job, and give it as it ended, well or not.

    Args:
        job: as it was accepted.
        what: what it is about, in a word or two.
    """
    if job.finished:
        return job
    try:
        with _shown(what) as told:
            for event in job.events():
                if event.progress is not None:
                    told(event.data)
    except KeyboardInterrupt:
        name = typed(job.id)
        printing.note(f"The job goes on. `sepme events {name}` follows it, `sepme jobs --cancel {name}` ends it.")
        raise
    return job.refresh()


def ending(document: "JobDocument", *, quiet: bool = False) -> int:
    """Say on stderr how a job ended where it did not succeed; returns the exit status."""
    if document["state"] == "succeeded":
        return DONE
    if quiet:
        return FINDING
    if document["problem"] is not None:
        printing.note(f"sepme: {problems.said(document['problem'])}")
    else:
        printing.note(f"sepme: The job {document['id']} was cancelled: by {document['cancelled_by'] or 'somebody'}.")
    return FINDING


def typed(job_id: str) -> str:
    """An id as it is typed: one that begins like an option comes behind `--`."""
    return f"-- {job_id}" if job_id.startswith("-") else job_id


def accepted(document: "JobDocument") -> str:
    """What is said of a job that is not waited for."""
    ended = document["state"] in FINISHED
    return f"job {document['id']} {document['state']}" + (
        "" if ended else f"; `sepme events {typed(document['id'])}` follows it"
    )


@contextmanager
def _shown(what: str) -> Iterator[Told]:
    if sys.stderr.isatty():
        with _bar(what) as told:
            yield told
    else:
        yield _lines(what)


def _lines(what: str) -> Told:
    said_at = float("-inf")

    def told(progress: dict[str, Any]) -> None:
        nonlocal said_at
        if time.monotonic() - said_at >= PAUSE_SECONDS:
            said_at = time.monotonic()
            printing.note(f"{what}: {in_words(progress)}")

    return told


def in_words(progress: Any) -> str:
    """How far something has come, and the time left as the worker tells it."""
    far = f"{progress['step']} of {progress['of']}" if progress.get("of") else ""
    return ", ".join(part for part in (far, progress.get("message")) if part) or "under way"


@contextmanager
def _bar(what: str) -> Iterator[Told]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[message]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None, message="waits for a worker")
        began = time.monotonic()

        def told(progress: dict[str, Any]) -> None:
            done, whole = share(progress, time.monotonic() - began)
            bar.update(task, completed=done, total=whole, message=printing.printable(_message(progress, bar, task)))

        yield told


def share(progress: dict[str, Any], elapsed: float) -> tuple[float, float | None]:
    """How much is done, and of how much: by the time left where the worker tells it, else by steps; None: not known.

    An erasure may take far fewer steps than it is allowed, so that time tells more.
    """
    if (left := progress.get("seconds_left")) is not None:
        return elapsed, elapsed + left
    return (progress["step"], progress["of"]) if progress["step"] else (0, None)


def _message(progress: dict[str, Any], bar: "Progress", task: "TaskID") -> str:
    said = str(progress.get("message") or "")
    remaining = bar.tasks[bar.task_ids.index(task)].time_remaining if progress.get("seconds_left") is None else None
    return said if remaining is None else f"{said}, about {remaining:.0f} s left"
