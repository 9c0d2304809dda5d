"""What `sepme doctor` finds, in whichever room's process."""

from typing import Literal, TypedDict


class Finding(TypedDict):
    """One thing that was looked at; the rooms write it, and the command line reads it."""

    name: str
    state: Literal["ok", "warning", "failed"]
    detail: str
    remedy: str | None


def ok(name: str, detail: str) -> Finding:
    """It is as it should be."""
    return {"name": name, "state": "ok", "detail": detail, "remedy": None}


def warning(name: str, detail: str, remedy: str) -> Finding:
    """The service runs, and something may surprise."""
    return {"name": name, "state": "warning", "detail": detail, "remedy": remedy}


def failed(name: str, detail: str, remedy: str) -> Finding:
    """The service does not run, or does not do all that it is for."""
    return {"name": name, "state": "failed", "detail": detail, "remedy": remedy}
