"""Whether the database can be written to, by what became of the writes of this process.

Nothing is written to find out: a look that waits for the write lock would hang with those whom it looks for. The
reaper writes every few seconds, so there is always something to go by.
"""

from time import monotonic

from sqlalchemy import Connection, Engine, ExceptionContext, event
from sqlalchemy.exc import InterfaceError, OperationalError


class WriteRecord:
    """When a write of an engine succeeded last, and when one failed for the database's sake.

    Args:
        engine: Of writes alone.
        silence_seconds: For how long nothing may be heard of any write.
    """

    def __init__(self, engine: Engine, silence_seconds: float) -> None:
        self._silence_seconds = silence_seconds
        self._succeeded = monotonic()
        self._failed = 0.0
        event.listen(engine, "commit", self._note_success)
        event.listen(engine, "handle_error", self._note_failure)

    def complaint(self) -> str | None:
        """What is wrong with writing, in words; None where it goes well."""
        since = monotonic() - self._succeeded
        if self._failed > self._succeeded:
            return f"nothing could be written for {since:.0f} s: another process holds the database, or it is read-only"
        if since > self._silence_seconds:
            return f"nothing was written for {since:.0f} s: a write hangs"
        return None

    def _note_success(self, _connection: Connection) -> None:
        self._succeeded = monotonic()

    def _note_failure(self, context: ExceptionContext) -> None:
        if isinstance(context.sqlalchemy_exception, OperationalError | InterfaceError):
            self._failed = monotonic()
