"""Which processes make a service, and how each is started."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from sepme.serve import broker, devices
from sepme.serve.child import ChildPlan
from sepme_core.demo import DEMO
from sepme_core.settings import Settings

# At least one worker for each of the queues: a long optimisation never holds up a picture.
CLOSING_SECONDS = 5  # how long the front end allows itself to finish answers under way (`app.server`)
DEMO_ERASE_WORKERS = 2  # the demo model is too small to keep many threads busy
NICENESS = {"generate": 5, "erase": 10}
"""Workers compute for as long as they may: an answer of the front end, and a picture, need not wait for an erasure."""
SPARE_SECONDS = 5.0  # beyond what a child allows itself, before it is killed


def children(settings: Settings, home: Path) -> list[ChildPlan]:
    """The children of `sepme serve` in the order of their start, with a worker for `generate` on each device.

    Raises:
        broker.BrokerMissing: no broker URL is set and no server was found to start.
        broker.UnsafeFolder: the short folder for the broker's socket is not this user's alone.
    """
    environment = child_environment(settings, home)
    planned = []
    if settings.broker_url is None:
        socket_file = broker.socket_path(home)
        environment["SEPME_BROKER_URL"] = broker.url(socket_file)
        planned.append(_broker(socket_file, home))
    planned.append(_front_end(settings, environment))
    spread = devices.count(settings.device)
    for number in range(max(spread, 1)):
        where = _device(number, spread)
        planned.append(_worker(_name("generate", number), "generate", settings, {**environment, **where}))
    erase_workers = settings.erase_workers or (DEMO_ERASE_WORKERS if settings.model == DEMO else 1)
    erasing = {**environment, **_threads(erase_workers)}
    for number in range(erase_workers):
        where = _device(spread - 1 - number, spread)  # the first device shows the desktop, where there is one
        planned.append(_worker(_name("erase", number), "erase", settings, {**erasing, **where}))
    return planned


def _name(queue: str, number: int) -> str:
    return f"{queue}-{number + 1}" if number else queue


def _device(number: int, spread: int) -> dict[str, str]:
    """The device of a worker, counted round; its number is that among the visible ones, as the worker sees them."""
    return {"SEPME_DEVICE": f"cuda:{number % spread}"} if spread > 1 else {}


def _threads(workers: int) -> dict[str, str]:
    """Several workers share the cores: threads of one that wait for those of another do no work."""
    return {"OMP_NUM_THREADS": str(max((os.cpu_count() or 1) // workers, 1))} if workers > 1 else {}


def child_environment(settings: Settings, home: Path) -> dict[str, str]:
    """The settings that children must see as this process does, whatever their current folder is."""
    return {
        "SEPME_HOME": str(home),
        "SEPME_HOST": settings.host,
        "SEPME_PORT": str(settings.port),
        "SEPME_MODEL": absolute_model(settings.model),
        "SEPME_DATABASE_URL": settings.database_url,
        "SEPME_BLOB_URL": settings.blob_url,
        "SEPME_WEBHOOKS": str(settings.webhooks or ""),
    }


def absolute_model(model: str) -> str:
    """A folder as an absolute path; the name of a packaged model or of one on the hub as it is."""
    return str(Path(model).resolve()) if Path(model).exists() else model


def _broker(socket_file: Path, home: Path) -> ChildPlan:
    data = home / "broker"
    return ChildPlan(
        name="broker",
        command=broker.command(broker.program(), socket_file, data),
        ready=lambda: broker.answers(socket_file),
        folders=(data,),
        ends_last=True,
    )


def _front_end(settings: Settings, environment: Mapping[str, str]) -> ChildPlan:
    return ChildPlan(
        name="api",
        command=(sys.executable, "-m", "app"),
        environment=environment,
        stop_seconds=CLOSING_SECONDS + SPARE_SECONDS,
        silent_seconds=settings.lease_seconds + SPARE_SECONDS,
    )


def _worker(name: str, queue: str, settings: Settings, environment: Mapping[str, str]) -> ChildPlan:
    return ChildPlan(
        name=f"worker-{name}",
        command=worker_command(name, queue, settings.log_level),
        environment=environment,
        stop_seconds=settings.drain_seconds + SPARE_SECONDS,
        silent_seconds=settings.lease_seconds + SPARE_SECONDS,
        niceness=NICENESS[queue],
    )


def worker_command(name: str, queue: str, log_level: str) -> tuple[str, ...]:
    """The command line of a worker: one job at a time, in a thread, and no talk among workers."""
    return (
        *(sys.executable, "-m", "celery", "-A", "worker.application", "worker"),
        *("--pool", "threads", "--concurrency", "1", "-Q", queue, "--hostname", f"{name}@%h"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
        *("--loglevel", log_level),
    )
