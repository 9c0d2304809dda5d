"""The database as requests reach it: threads and connections for reads and for writes, and whether writes succeed.

Writes wait for each other, and for as long as somebody else locks the database; reads wait for nobody. Did both draw
from the same threads, or the same pool of connections, a few writes that hang would hold up every read.
"""

from collections.abc import Callable
from time import monotonic
from typing import TypeVar

from anyio import CapacityLimiter, move_on_after, to_thread
from sqlalchemy import Connection, Engine, ExceptionContext, event
from sqlalchemy.exc import InterfaceError, OperationalError

from app.problems import Problem
from sepme_core import problems
from sepme_core.registry import database

Answer = TypeVar("Answer")

PATIENCE_SECONDS = 5.0
"""How long a request waits for its turn, and then for a lock of the database, before it is answered 503."""
RETRY_SECONDS = 5


class Lane:
    """`width` pieces of work at once, each in a thread; the engine keeps a connection for each."""

    def __init__(self, engine: Engine, width: int) -> None:
        self.engine = engine
        self._turns = CapacityLimiter(width)
        self._threads = CapacityLimiter(width)  # never waited for: those without a turn do not come here

    async def run(self, work: Callable[[], Answer]) -> Answer:
        """Do the work in a thread when its turn comes.

        Raises:
            Problem: `database-unavailable` where it does not come in time.
        """
        place = object()
        with move_on_after(PATIENCE_SECONDS) as waiting:
            await self._turns.acquire_on_behalf_of(place)
        if waiting.cancelled_caught:
            detail = "Requests before this one wait for the database; nothing was changed."
            raise Problem(problems.DATABASE_UNAVAILABLE, detail, headers={"Retry-After": str(RETRY_SECONDS)})
        try:
            return await to_thread.run_sync(work, limiter=self._threads)
        finally:
            self._turns.release_on_behalf_of(place)


def open_lane(url: str, width: int) -> Lane:
    """A lane to a database; nothing is opened yet."""
    return Lane(database.make_engine(url, patience_seconds=PATIENCE_SECONDS, connections=width), width)


class WriteRecord:
    """When a write of an engine succeeded last, and when one failed for the database's sake.

    Nothing is written to find out: a look that waits for the write lock would hang with those whom it looks for. The
    reaper writes every few seconds, so there is always something to go by.

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
