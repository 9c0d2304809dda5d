"""How long a service takes on this machine: ``python -m benchmarks.service_speed``.

Starts ``sepme serve`` with the demo model, each time on a state folder of its own, and erases one concept, and all 33
by one ``POST /erasures``, certificates and evidence included: at the moment when it is ready, and when it has been idle
for a while (its workers look ahead then). Times are from the request to the last end.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from sepme_core.models.model import load_base

PORT = 8765
ENDED = {"succeeded", "failed", "cancelled"}
PATIENCE = 900.0


def main() -> None:
    """Print the seconds of one concept and of all 33."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--erase-workers", type=int, help="as SEPME_ERASE_WORKERS; unset, the service's own choice")
    parser.add_argument("--idle", type=float, default=20.0, help="seconds that the last service is left alone")
    options = parser.parse_args()
    chosen = {"SEPME_ERASE_WORKERS": str(options.erase_workers)} if options.erase_workers else {}
    suggestions = load_base("demo").suggestions
    bodies = [
        {"name": name, "kind": kind, "prompts": [name]}
        for kind, names in (("object", suggestions.objects), ("style", suggestions.styles))
        for name in names
    ]
    for idle, count in ((0.0, 1), (0.0, len(bodies)), (options.idle, len(bodies))):
        with served(chosen) as (client, seconds):
            print(f"ready after {seconds:.1f} s, then idle for {idle:.0f} s", flush=True)
            time.sleep(idle)
            print(f"  {count} in one POST /erasures: {measure(client, bodies[:count]):.1f} s", flush=True)


@contextmanager
def served(chosen: dict[str, str]) -> Iterator[tuple[httpx.Client, float]]:
    """A service that is ready, and the seconds that took."""
    with tempfile.TemporaryDirectory() as home, httpx.Client(base_url=f"http://127.0.0.1:{PORT}", timeout=60) as client:
        places = {"SEPME_HOME": home, "SEPME_PORT": str(PORT)}
        began = time.monotonic()
        with (Path(home) / "terminal.log").open("wb") as terminal:
            service = subprocess.Popen(
                (sys.executable, "-m", "sepme.command", "serve"),
                env={**os.environ, **places, **chosen},
                stdout=terminal,
            )
        try:
            await_ready(client)
            yield client, time.monotonic() - began
        finally:
            service.terminate()
            service.wait()


def await_ready(client: httpx.Client, patience: float = PATIENCE) -> None:
    """Wait until every queue has a worker."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        try:
            answer = client.get("/readyz")
            if answer.is_success and answer.json()["status"] == "ready":
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise SystemExit("The service did not become ready.")


def measure(client: httpx.Client, bodies: list[dict[str, Any]]) -> float:
    """Seconds from the request until the last of its jobs has ended, as the jobs say; all succeeded."""
    began, deadline = datetime.now(UTC), time.monotonic() + PATIENCE
    answer = client.post("/erasures", json={"concepts": bodies})
    answer.raise_for_status()
    waiting, ended = {job["id"] for job in answer.json()["items"]}, began
    while waiting and time.monotonic() < deadline:
        time.sleep(1.0)
        for job_id in sorted(waiting):
            job = client.get(f"/jobs/{job_id}").json()
            if job["state"] not in ENDED:
                break
            if job["state"] != "succeeded":
                raise SystemExit(f"{job['concept']}: {job['problem']}")
            waiting.discard(job_id)
            ended = max(ended, datetime.fromisoformat(job["finished_at"]))
    if waiting:
        raise SystemExit(f"{len(waiting)} of the jobs have not ended within {PATIENCE:.0f} s.")
    return (ended - began).total_seconds()


if __name__ == "__main__":
    main()
