"""What is installed, and what the settings say."""

import os
import platform
import sys
from collections.abc import Iterator
from importlib.util import find_spec

from pydantic import ValidationError

from sepme import __version__
from sepme.commands.endings import CannotDo
from sepme.commands.service import chosen
from sepme_core.documents.diagnosis import Finding, failed, ok, warning
from sepme_core.extras import worker_lacking
from sepme_core.settings import Settings, refusal_said

OLDEST = (3, 11)
OF_CLIENTS = frozenset({"SEPME_URL", "SEPME_KEY", "SEPME_PROFILE"})
"""What is set for the command line as a client, and is no setting of the service."""


def of_python() -> Finding:
    """The interpreter, and the release."""
    said = f"{platform.python_version()} ({sys.executable}), sepme {__version__}"
    if sys.version_info < OLDEST:
        return failed("Python", said, f"Install sepme with Python {'.'.join(map(str, OLDEST))} or newer.")
    return ok("Python", said)


def of_worker() -> Finding:
    """Whether the extra `worker` is installed."""
    lacking = worker_lacking()
    if not lacking:
        return ok("worker", "its packages are installed")
    said = "not installed: this is the front end and the command line, and `sepme serve` needs more"
    return warning("worker", f"{said} ({lacking.partition(':')[0]})", "pip install 'sepme[worker]'")


def of_pictures() -> Finding | None:
    """Whether pictures can be shown on the terminal; None where they can."""
    if find_spec("textual_image") is not None:
        return None
    return warning("pictures", "they cannot be shown on the terminal", "pip install textual-image")


def of_client() -> Finding:
    """Which service the command line speaks to, and whether profile and key can be used."""
    try:
        service = chosen(None, None, None)
    except CannotDo as reason:
        return failed("client", str(reason), "Until then commands that speak to a service refuse, too.")
    named = f"named by {service.said_by}" if service.said_by else "this machine's"
    return ok("client", f"commands speak to {service.url}, {named}, {'with a key' if service.key else 'without a key'}")


def settings() -> tuple[Settings | None, list[Finding]]:
    """The settings, None where they cannot be used, and what is found of them."""
    unknown = [_unknown(name) for name in sorted(os.environ) if name.startswith("SEPME_") and not _is_known(name)]
    try:
        read = Settings()
    except ValidationError as refusal:
        remedy = "Correct it; docs/settings.md says what each takes. What hangs on the settings was not looked at."
        return None, [*(failed("settings", said.strip(), remedy) for said in refusal_said(refusal)), *unknown]
    set_here = sum(name in os.environ for name in _variables())
    return read, [ok("settings", f"{set_here} set, all of them can be used"), *unknown]


def _variables() -> Iterator[str]:
    return (f"SEPME_{name.upper()}" for name in Settings.model_fields)


def _is_known(name: str) -> bool:
    return name in OF_CLIENTS or name in set(_variables())


def _unknown(name: str) -> Finding:
    return warning("settings", f"{name} is no setting", "Look for a slip; docs/settings.md lists them.")
