"""The course of `sepme verify`: the checks run in a process of their own, with the settings a service would have."""

import os
import subprocess
import sys

from sepme.serve.plan import child_environment
from sepme_core.settings import Settings

INTERRUPTED = 130  # what a shell answers for a program that Ctrl+C ended


def verify(settings: Settings, *, concept: str | None = None, as_json: bool = False, repair: bool = False) -> int:
    """Check what the registry holds; no service need run, and one may.

    Args:
        settings: which registry, which model.
        concept: check this one alone.
        as_json: print one JSON document instead of lines.
        repair: ask for jobs that make lost or damaged increments again.

    Returns: the exit status: 0 where all holds, 1 where something does not, 2 where it cannot be told.
    """
    command = [sys.executable, "-m", "worker.verify"]
    if concept is not None:
        command += ["--concept", concept]
    if as_json:
        command.append("--json")
    if repair:
        command.append("--repair")
    quiet = {"TRANSFORMERS_VERBOSITY": "error"}  # it would speak of parts that this model has no use for
    environment = {**quiet, **os.environ, **child_environment(settings, settings.home.resolve())}
    with subprocess.Popen(command, env=environment) as process:
        try:
            return _status(process.wait())
        except KeyboardInterrupt:  # the process has had it too, and ends
            process.wait()
            return INTERRUPTED


def _status(code: int) -> int:
    """A signal's number as a shell answers it; it is negative here."""
    return code if code >= 0 else 128 - code
