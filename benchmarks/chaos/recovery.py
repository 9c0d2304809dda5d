"""Seconds until what a fault interrupted goes on."""

import os
import signal
import time
from collections.abc import Mapping
from threading import Thread

import httpx
import psutil

from benchmarks.chaos.service import Service

PROBE = {"prompt": "a tree", "steps": 4, "erased": []}
PATIENCE_SECONDS = 120.0
FORGOTTEN_SECONDS = 12.0
"""After which a worker that was killed is not counted among those who gave a sign of late."""
LONG_WORK: Mapping[str, tuple[str, dict[str, object]]] = {
    "erase": (
        "/concepts/heart/erase",
        {
            "kind": "object",
            "prompts": ["heart"],
            "override": True,
            "options": {"start": "zero", "target": "counterpart", "learning_rate": 1e-8, "threshold": 0.0},
        },
    ),
    "generate": ("/generate", {"prompt": "a tree", "steps": 150, "erased": []}),
}


def until_a_picture(service: Service, began: float) -> float:
    """Seconds from the fault until a picture that is asked for now is there, from each front end."""
    deadline = began + PATIENCE_SECONDS
    for address in service.addresses:
        while not draws(address) and time.monotonic() < deadline:
            time.sleep(0.1)
    return time.monotonic() - began


def draws(address: str) -> bool:
    """Whether a picture can be had."""
    try:
        answer = httpx.post(f"{address}/generate", json=PROBE, headers={"Prefer": "wait=20"}, timeout=30)
        return answer.status_code == httpx.codes.OK and answer.json()["state"] == "succeeded"
    except httpx.TransportError:
        return False


class RunsAgain:
    """Watches the jobs of a queue that are under way, from before a kill, until those that it interrupted run again."""

    def __init__(self, service: Service, queue: str) -> None:
        self.seconds: list[float] = []
        self._service, self._queue = service, queue
        self._over = False
        self._thread = Thread(target=self._watch, daemon=True)

    def start(self) -> "RunsAgain":
        """Begin to watch."""
        self._thread.start()
        return self

    def stop(self) -> list[float]:
        """Watch no more; seconds from the last sign of a killed worker to the next attempt, one for each job."""
        self._over = True
        self._thread.join()
        return self.seconds

    def _watch(self) -> None:
        alive: dict[str, tuple[int, int, float]] = {}
        waiting, deadline = False, time.monotonic() + PATIENCE_SECONDS
        while not self._over or (waiting and time.monotonic() < deadline):
            now = time.monotonic()
            for job_id, (attempt, pid) in self._service.running(self._queue).items():
                before = alive.get(job_id)
                if before is not None and attempt > before[0] and not lives(before[1]):
                    self.seconds.append(now - before[2])
                if lives(pid):
                    alive[job_id] = (attempt, pid, now)
            interrupted = {job_id for job_id, (_attempt, pid, _seen) in alive.items() if not lives(pid)}
            waiting = bool(interrupted & self._service.unfinished(self._queue))
            time.sleep(0.05)


def lives(pid: int) -> bool:
    """Whether a process is there."""
    return bool(psutil.pid_exists(pid))


def idle(service: Service, queue: str) -> float:
    """Seconds until a lone job runs again whose worker is killed, while nobody asks for anything else."""
    await_all_workers(service, queue)
    path, body = LONG_WORK[queue]
    job_id = str(httpx.post(f"{service.addresses[0]}{path}", json=body, timeout=30).json()["id"])
    _attempt, pid = _held(service, queue, job_id, beyond=0)
    time.sleep(1.0)
    os.kill(pid, signal.SIGKILL)
    killed = time.monotonic()
    _held(service, queue, job_id, beyond=1)
    seconds = time.monotonic() - killed
    httpx.post(f"{service.addresses[0]}/jobs/{job_id}/cancel", timeout=30)
    return seconds


def await_all_workers(service: Service, queue: str) -> None:
    """Wait until every worker of a queue has given a sign of late, and none does that is dead."""
    time.sleep(FORGOTTEN_SECONDS)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        seen = httpx.get(f"{service.addresses[0]}/readyz", timeout=30).json()["workers"][queue]["detail"]
        if int(seen.split()[0]) >= len(service.pids(f"worker-{queue}")):
            return
        time.sleep(0.5)


def _held(service: Service, queue: str, job_id: str, *, beyond: int) -> tuple[int, int]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        held = service.running(queue).get(job_id)
        if held is not None and held[0] > beyond:
            return held
        time.sleep(0.02)
    raise SystemExit(f"The {queue} job {job_id} did not run.")
