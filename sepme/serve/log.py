"""A child's log file: it turns over by size, and where it cannot be written, one line a cause says so."""

import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path

LOG_BYTES = 5_000_000
LOG_COUNT = 3


class ChildLog(RotatingFileHandler):
    """Lines of one child. A disk that is full loses them, and neither ends the child nor floods the terminal."""

    def __init__(self, file: Path, say: Callable[[str], None]) -> None:
        super().__init__(file, maxBytes=LOG_BYTES, backupCount=LOG_COUNT, encoding="utf-8", delay=True)
        self._say = say
        self._said: set[str] = set()

    def write(self, line: str) -> None:
        """Add a line."""
        self.handle(logging.makeLogRecord({"msg": line}))

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802, ARG002 - logging's own name and form
        """Say why a line could not be written, unless that was said before."""
        error = sys.exc_info()[1]
        cause = (error.strerror if isinstance(error, OSError) else None) or str(error)
        if cause not in self._said:
            self._said.add(cause)
            self._say(f"{self.baseFilename} cannot be written ({cause}): what is said there is lost until it can.")

    def close(self) -> None:
        """Close the file, whatever of it could not be written."""
        with suppress(OSError):
            super().close()
