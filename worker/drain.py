"""A worker that was told to stop: it takes no new job, and soon puts back the one it holds.

Celery's own soft shutdown (REMAP_SIGTERM=SIGQUIT with worker_soft_shutdown_timeout) is of no use with threads: it
always sleeps its whole timeout, and then fails, because a thread cannot be terminated. So SIGTERM stays Celery's warm
shutdown, which waits for the job under way, and the job itself looks here at every step.
"""

import time
from collections.abc import Callable

LOOK_SECONDS = 0.1


class Drain:
    """Whether the worker is stopping, and how long the job it holds may go on.

    Thread-safe, and `begin` may run in a signal handler: it only sets a number.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._deadline: float | None = None

    def begin(self) -> None:
        """The worker was told to stop; a second call changes nothing."""
        if self._deadline is None:
            self._deadline = self._clock() + self._seconds

    @property
    def begun(self) -> bool:
        """Whether the worker is stopping: no new job is to be taken."""
        return self._deadline is not None

    @property
    def over(self) -> bool:
        """Whether the time for the job under way is up: it is to be put back."""
        return self._deadline is not None and self._clock() >= self._deadline

    def sleep(self, seconds: float) -> None:
        """Wait so long, or until the worker is told to stop."""
        deadline = self._clock() + seconds
        while not self.begun and self._clock() < deadline:
            time.sleep(min(LOOK_SECONDS, seconds))
