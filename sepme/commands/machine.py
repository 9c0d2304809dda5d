"""The service of this machine: its settings, and the programs of the other rooms, each in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from sepme.commands.endings import INTERRUPTED, CannotDo

if TYPE_CHECKING:
    from sepme_core.settings import Settings


def say(**chosen: str | None) -> None:
    """Have this process, and those that it starts, see settings that options name; None and "" are not said."""
    os.environ.update({f"SEPME_{name.upper()}": value for name, value in chosen.items() if value})


def settings(**chosen: str | None) -> "Settings":
    """The settings, with what options say before what the environment says; the processes started later see them too.

    Args:
        chosen: by the name of a setting; None and "" are not said.

    Raises:
        CannotDo: one cannot be used.
    """
    from pydantic import ValidationError

    from sepme_core.settings import Settings, refusal_said

    say(**chosen)
    try:
        return Settings()
    except ValidationError as refusal:
        raise CannotDo("\n".join(["These settings cannot be used:", *refusal_said(refusal)])) from refusal


def settings_of_worker(**chosen: str | None) -> "Settings":
    """The same, for what needs a worker's packages.

    Raises:
        CannotDo: they are not installed, or a setting cannot be used.
    """
    from sepme_core.extras import worker_lacking

    if lacking := worker_lacking():
        raise CannotDo(lacking)
    return settings(**chosen)


def run(module: str, *arguments: str, environment: Mapping[str, str] | None = None, quiet: bool = False) -> int:
    """Run another room's program to its end, on this terminal; returns its exit status.

    Args:
        module: what `python -m` runs.
        arguments: its command line.
        environment: variables that it has besides those of this process.
        quiet: whether what it says on stdout is left out; what it says on stderr never is.
    """
    command = [sys.executable, "-m", module, *arguments]
    out = subprocess.DEVNULL if quiet else None
    with subprocess.Popen(command, env={**os.environ, **(environment or {})}, stdout=out) as process:
        try:
            return _status(process.wait())
        except KeyboardInterrupt:  # the process has had it too, and ends
            process.wait()
            return INTERRUPTED


def _status(code: int) -> int:
    """A signal's number as a shell answers it; it is negative here."""
    return code if code >= 0 else 128 - code
