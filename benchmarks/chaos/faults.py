"""What is done to the service."""

import signal
import time
from collections.abc import Callable, Mapping

from benchmarks.chaos.service import Service

LOCK_SECONDS = 4.0

Fault = Callable[[Service], None]


def killing(child: str) -> Fault:
    """Kill a child at once."""
    return lambda service: _send(service, child, signal.SIGKILL)


def stopping(child: str) -> Fault:
    """Stop a child, so that it holds whatever it holds and gives no sign any more."""
    return lambda service: _send(service, child, signal.SIGSTOP)


def lock(service: Service) -> None:
    """Let nothing be written for a while."""
    with service.locked():
        time.sleep(LOCK_SECONDS)


def _send(service: Service, child: str, number: signal.Signals) -> None:
    deadline = time.monotonic() + 30
    while not service.signal(child, number) and time.monotonic() < deadline:
        time.sleep(0.1)


FAULTS: Mapping[str, Fault] = {
    "generate worker killed": killing("worker-generate"),
    "erase worker killed": killing("worker-erase"),
    "second erase worker killed": killing("worker-erase-2"),
    "broker killed": killing("broker"),
    "front end killed": killing("api"),
    "supervisor killed": Service.kill_supervisor,
    "generate worker stopped": stopping("worker-generate"),
    "erase worker stopped": stopping("worker-erase"),
    "database locked": lock,
}
