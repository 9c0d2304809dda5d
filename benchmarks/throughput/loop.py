"""Clients that ask again as soon as they are answered."""

import itertools
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass

from benchmarks.throughput.asked import STEPS, Asked, asked

Ask = Callable[[Asked], None]
"""Has one picture drawn, and returns once its bytes are there."""
Connect = Callable[[], AbstractContextManager[Ask]]


@dataclass(frozen=True)
class Load:
    """So many clients; each asks `each` times, and begins nothing more after so many seconds."""

    scenario: str
    clients: int
    each: int
    seconds: float
    first: int
    """The number of the first request; the others follow."""
    steps: int = STEPS
    newcomers: int = 0
    """Instead of `each`: the clients go on until so many requests of one more client were answered, in turn."""


@dataclass(frozen=True)
class Measured:
    """What came of a load: pictures, the seconds from the first request to the last answer, and each one's own."""

    pictures: int
    seconds: float
    latencies: list[float]
    newcomers: list[float]
    """Seconds of those who came while the others were at it: until their first picture was there."""
    memory: float = 0.0
    """The most that the processes that draw held meanwhile, in MiB."""


def run(load: Load, connect: Connect) -> Measured:
    """Put the load on what `connect` connects to; what goes wrong there goes wrong here."""
    with ExitStack() as connections, ThreadPoolExecutor(load.clients + 1) as threads:
        asks = [connections.enter_context(connect()) for _ in range(load.clients)]
        late = connections.enter_context(connect())
        began = time.perf_counter()
        going = _Going(load, began + load.seconds)
        clients = [threads.submit(going.ask_on, ask) for ask in asks]
        newcomers = threads.submit(going.come_late, late).result() if load.newcomers else []
        for each in clients:
            each.result()
        seconds = time.perf_counter() - began
    return Measured(len(going.latencies) + len(newcomers), seconds, going.latencies, newcomers)


class _Going:
    """A load while it is on."""

    def __init__(self, load: Load, deadline: float) -> None:
        self._load, self._deadline = load, deadline
        self._numbers, self._over = itertools.count(load.first), threading.Event()
        self.latencies = list[float]()

    def ask_on(self, ask: Ask) -> None:
        """What one client does."""
        for done in itertools.count():
            if self._over.is_set() or self._enough(done):
                return
            self.latencies.append(self._timed(ask))

    def come_late(self, ask: Ask) -> list[float]:
        """What a newcomer does, once as many pictures were drawn as there are clients."""
        try:
            while len(self.latencies) < self._load.clients and not self._over.is_set():
                time.sleep(0.01)
            return [self._timed(ask) for _ in range(self._load.newcomers)]
        finally:
            self._over.set()

    def _enough(self, done: int) -> bool:
        return not self._load.newcomers and (done == self._load.each or time.perf_counter() > self._deadline)

    def _timed(self, ask: Ask) -> float:
        request = asked(self._load.scenario, next(self._numbers), self._load.steps)
        began = time.perf_counter()
        try:
            ask(request)
        except BaseException:
            self._over.set()
            raise
        return time.perf_counter() - began


def quantile(values: Sequence[float], percent: int) -> float:
    """The median at 50, what five of a hundred exceed at 95."""
    if len(values) == 1:
        return values[0]
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
