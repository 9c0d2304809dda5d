"""One look at all jobs that anybody waits for, in place of one for each who waits.

A hundred clients that each ask for their job every moment fill a process, and keep the database busy with questions
whose answer is nearly always that nothing has changed.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic

from sepme_core.registry.jobs import Mark

LEAST_PAUSE_SECONDS = 0.03
MOST_PAUSE_SECONDS = 0.1
PATIENCE = 1 / 20
"""The pause after a look, as a share of how long the last to come has waited: who waits for a picture hears of it
within hundredths of a second, and who waits for minutes does not keep the database busy."""
RESTS = 9
"""How often as long as a look takes the pause is at least: looking fills no more than a tenth of the time, which the
workers beside it would draw in."""
MOST_REST_SECONDS = 0.5
"""But a look that was held up, by a database that was away for seconds, is not followed by a rest of minutes."""

Marks = Mapping[str, Mark]
Look = Callable[[Collection[str]], Awaitable[Marks]]

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class _Waiting:
    """Somebody who waits: for which jobs, and what has to be so with them."""

    job_ids: Collection[str]
    is_due: Callable[[Marks], bool]
    since: float
    woken: asyncio.Event = field(default_factory=asyncio.Event)


class Watcher:
    """Looks while somebody waits, and wakes whom it concerns. Belongs to one event loop.

    Args:
        look: Asks the registry for the marks of jobs; those that are not there are left out.
    """

    def __init__(self, look: Look) -> None:
        self._look = look
        self._waiting: set[_Waiting] = set()
        self._came = asyncio.Event()
        self._last_came = float("-inf")
        self._task: asyncio.Task[None] | None = None

    async def until(
        self, job_ids: Collection[str], is_due: Callable[[Marks], bool], seconds: float, since: float
    ) -> bool:
        """Wait until something holds of the marks of jobs, for so many seconds at most; returns whether to look.

        `since` is when the wait began (`time.monotonic`), of which this may be a part. Where the registry cannot be
        asked everybody is to look, and learns why.
        """
        waiting = _Waiting(job_ids, is_due, since)
        self._waiting.add(waiting)
        if since > self._last_came:  # else it goes on to wait
            self._last_came = since
            self._came.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch())
        try:
            await asyncio.wait_for(waiting.woken.wait(), seconds)
        except TimeoutError:
            return False
        finally:
            self._waiting.discard(waiting)
        return True

    def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()

    async def _watch(self) -> None:
        while self._waiting:
            self._came.clear()
            started = monotonic()
            for waiting in await self._due(list(self._waiting)):
                waiting.woken.set()
            await self._pause(monotonic() - started)

    async def _pause(self, looked: float) -> None:
        """Rest after a look that took so long; somebody who has just come cuts short what is for those who were there.

        How long the last to come has waited is asked after the least pause: who was woken has gone by then.
        """
        least = min(max(LEAST_PAUSE_SECONDS, RESTS * looked), MOST_REST_SECONDS)
        await asyncio.sleep(least)
        waited = min((monotonic() - waiting.since for waiting in self._waiting), default=0.0)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._came.wait(), min(waited * PATIENCE, MOST_PAUSE_SECONDS) - least)

    async def _due(self, asking: list[_Waiting]) -> list[_Waiting]:
        try:
            marks = await self._look({job_id for waiting in asking for job_id in waiting.job_ids})
        except Exception as error:  # noqa: BLE001  (each who waits meets it, and answers for it)
            logger.warning("The jobs that are waited for could not be looked at: %s", error)
            return asking
        return [waiting for waiting in asking if waiting.is_due(marks)]
