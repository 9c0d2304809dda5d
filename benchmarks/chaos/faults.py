"""What is done to the service, and what each fault is called."""

import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from threading import Timer

from benchmarks.chaos.distributed import Distributed
from benchmarks.chaos.embedded import Embedded
from benchmarks.chaos.service import Service

LOCK_SECONDS = 4.0
FULL_SECONDS = 6.0
STOPPED_SECONDS = 20.0
"""Longer than a lease: another worker has the job when this one goes on."""
WORK_SECONDS = 10.0
"""How long a kill of a worker waits for work that it may interrupt."""

Fault = Callable[[Service], object]


def kill(part: str) -> Fault:
    """Kill a process of a part at once."""
    return lambda service: _send(service, part, signal.SIGKILL)


def kill_at_work(queue: str) -> Fault:
    """Kill the worker of a queue that has a job; any of them where none has for a while."""

    def fault(service: Service) -> None:
        deadline = time.monotonic() + WORK_SECONDS
        while time.monotonic() < deadline:
            for _attempt, pid in service.running(queue).values():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    return
            time.sleep(0.02)
        _send(service, f"worker-{queue}", signal.SIGKILL)

    return fault


def stop(part: str) -> Fault:
    """Stop a process of a part for longer than a lease, so that it holds whatever it holds and gives no sign."""

    def fault(service: Service) -> None:
        Timer(STOPPED_SECONDS, _continue, (_send(service, part, signal.SIGSTOP),)).start()

    return fault


def lock(service: Service) -> None:
    """Let nothing be written for a while."""
    with service.locked():
        time.sleep(LOCK_SECONDS)


def fill_disk(service: Service) -> None:
    """Leave no byte free for a while."""
    with service.full_disk():
        time.sleep(FULL_SECONDS)


def kill_supervisor(service: Service) -> None:
    """Kill the supervisor; only one form has it."""
    assert isinstance(service, Embedded)
    service.kill_supervisor()


def crash_database(service: Service) -> None:
    """Let the database crash and recover; only one form has one that can."""
    assert isinstance(service, Distributed)
    service.crash_database()


def _continue(pid: int) -> None:
    with suppress(ProcessLookupError):  # a supervisor does not wait for what is silent
        os.kill(pid, signal.SIGCONT)


def _send(service: Service, part: str, number: signal.Signals) -> int:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for pid in service.pids(part):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
                return pid
        time.sleep(0.1)
    raise SystemExit(f"No process of {part} came up again.")


KILLS: Mapping[str, Fault] = {
    "erase worker killed": kill_at_work("erase"),
    "generate worker killed": kill_at_work("generate"),
    "broker killed": kill("broker"),
    "front end killed": kill("api"),
}
KILLS_OF: Mapping[type[Service], Mapping[str, Fault]] = {
    Embedded: {**KILLS, "supervisor killed": kill_supervisor},
    Distributed: {**KILLS, "database crashed": crash_database},
}
OTHERS: Mapping[str, Fault] = {
    "erase worker stopped": stop("worker-erase"),
    "generate worker stopped": stop("worker-generate"),
    "front end stopped": stop("api"),
    "broker stopped": stop("broker"),
    "connections cut": Service.cut_for_a_while,
    "database locked": lock,
    "disk full": fill_disk,
}
INTERRUPTS = {"erase worker killed": "erase", "generate worker killed": "generate"}
"""Faults after which a job of a queue must run again."""


def faults_of(service: Service) -> tuple[Mapping[str, Fault], Mapping[str, Fault]]:
    """Kills, and other faults, that can be done to a form on this machine."""
    others = {name: fault for name, fault in OTHERS.items() if name != "disk full" or service.has_own_disk}
    return KILLS_OF[type(service)], others
