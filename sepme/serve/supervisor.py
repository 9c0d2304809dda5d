"""Keep the children running; end them in order.

One thread and a short sleep: the work of a supervisor is to look, and a signal handler that only counts cannot
dead-lock (setting a threading.Event from a handler can).
"""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from sepme.serve.child import Backoff, Child, ChildPlan

LOOK_SECONDS = 0.05
READY_SECONDS = 20.0
STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
WILL_NOT_GET_BETTER = os.EX_CONFIG
"""The exit status of a child that only the operator can help, by a setting or a file; its last line says how."""
REASON = "sepme: "


class Hopeless(Exception):
    """A child cannot be started as it is set up, however often it is tried; the message is the child's reason."""


class Supervisor:
    """Children started in the order of their plans, restarted when they die, and ended together."""

    def __init__(
        self,
        plans: Sequence[ChildPlan],
        home: Path,
        say: Callable[[str], None],
        echo: Callable[[str], None] | None = None,
    ) -> None:
        self._plans = plans
        self._home = home
        self._say = say
        self._echo = echo
        self._running: dict[str, Child] = {}
        self._backoffs: dict[str, Backoff] = {}
        self._due: dict[str, float] = {}
        self._last_words: dict[str, list[str]] = {}
        self._requests_to_stop = 0

    def run(self) -> None:
        """Start everything and look after it until the first SIGTERM, SIGINT or SIGHUP; then end everything.

        A second signal, whenever it comes, kills what still runs.

        Raises:
            Hopeless: once everything has ended, because a child said that it will not get better.
        """
        with self._signals_counted():
            try:
                self._start_all()
                while not self._requests_to_stop:
                    self._look_after()
                    time.sleep(LOOK_SECONDS)
                self._say("Stopping: work under way may finish or is put back. Ask once more to end it at once.")
            finally:
                self._end_all()

    @contextmanager
    def _signals_counted(self) -> Iterator[None]:
        def count(_number: int, _frame: FrameType | None) -> None:
            self._requests_to_stop += 1

        before = {number: signal.signal(number, count) for number in STOPPING}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _start_all(self) -> None:
        for plan in self._plans:
            if self._requests_to_stop:
                return
            self._start(plan)
            self._await_ready(plan)

    def _start(self, plan: ChildPlan) -> None:
        self._due.pop(plan.name, None)
        try:
            self._running[plan.name] = Child(plan, self._home, self._say, self._echo)
        except OSError as refusal:
            self._plan_restart(plan, 0.0, f"{plan.name} cannot be started: {refusal}", [])

    def _await_ready(self, plan: ChildPlan) -> None:
        if plan.ready is None:
            return
        deadline = time.monotonic() + READY_SECONDS
        while not self._requests_to_stop and not plan.ready():
            if time.monotonic() > deadline:
                self._say(f"{plan.name} does not answer yet; the others are started nevertheless.")
                return
            self._look_after()
            time.sleep(LOOK_SECONDS)

    def _look_after(self) -> None:
        for plan in self._plans:
            child = self._running.get(plan.name)
            if child is not None and child.exit_status() is not None:
                self._mourn(child)
            elif child is not None and child.is_silent:
                self._say(f"{plan.name} gives no sign of life for {plan.silent_seconds:g} s and is killed.")
                child.send(signal.SIGKILL)
            elif child is None and self._due.get(plan.name, float("inf")) <= time.monotonic():
                self._start(plan)

    def _mourn(self, child: Child) -> None:
        child.bury()
        del self._running[child.plan.name]
        if child.exit_status() == WILL_NOT_GET_BETTER:
            raise Hopeless(_reason(child))
        ending = f"{child.plan.name} ended unexpectedly ({_how(child.exit_status())})"
        self._plan_restart(child.plan, child.lived_seconds, ending, child.last_words)

    def _plan_restart(self, plan: ChildPlan, lived_seconds: float, ending: str, last_words: list[str]) -> None:
        backoff = self._backoffs.get(plan.name, Backoff()).after_death(lived_seconds)
        self._backoffs[plan.name] = backoff
        self._due[plan.name] = time.monotonic() + backoff.seconds
        self._say(f"{ending}; starting it again in {backoff.seconds:g} s. Log: {self._home}/logs/{plan.name}.log")
        if last_words != self._last_words.get(plan.name):  # the same reason again need not be read again
            self._last_words[plan.name] = last_words
            for line in last_words:
                self._say(f"    {line}")

    def _end_all(self) -> None:
        self._due.clear()
        self._end([child for child in self._running.values() if not child.plan.ends_last])
        self._end([child for child in self._running.values() if child.plan.ends_last])

    def _end(self, children: Sequence[Child]) -> None:
        for child in children:
            child.send(signal.SIGTERM)
        asked = time.monotonic()
        left = list(children)
        while left:
            for child in left:
                impatient = self._requests_to_stop > 1 or time.monotonic() - asked > child.plan.stop_seconds
                if impatient:
                    child.send(signal.SIGKILL)
            left = [child for child in left if child.exit_status() is None]
            time.sleep(LOOK_SECONDS)
        for child in children:
            child.bury()
            del self._running[child.plan.name]


def _reason(child: Child) -> str:
    """The child's own words, which other output may follow."""
    said = [line.removeprefix(REASON) for line in child.last_words if line.startswith(REASON)]
    return (said or child.last_words or [f"{child.plan.name} cannot be started as it is set up."])[-1]


def _how(exit_status: int | None) -> str:
    if exit_status is not None and exit_status < 0:
        return signal.Signals(-exit_status).name
    return f"exit status {exit_status}"
