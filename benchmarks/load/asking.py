"""How long answers take, by the clock of a client that asks one question after the other on a connection it keeps."""

import http.client
import statistics
import time
from collections.abc import Sequence

from benchmarks.service_speed import PORT

QUESTIONS = ("/livez", "/concepts", "/concepts/c00000", "/jobs", "/jobs/c00000", "/model")
PAUSE_SECONDS = 0.01
"""Between two questions: what is measured is how long one takes, not how many there may be."""

Milliseconds = dict[str, list[float]]


def ask(seconds: float) -> Milliseconds:
    """Ask for everything in turn, for so long; the first round is for caches."""
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
    for path in QUESTIONS:
        _answer(connection, path)
    took: Milliseconds = {path: [] for path in QUESTIONS}
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for path in QUESTIONS:
            time.sleep(PAUSE_SECONDS)
            started = time.perf_counter()
            _answer(connection, path)
            took[path].append(1000 * (time.perf_counter() - started))
    connection.close()
    return took


def quantiles(took: Sequence[float]) -> tuple[float, float, float]:
    """The median, the 95th and the 99th of a hundred."""
    cuts = statistics.quantiles(took, n=100, method="inclusive")
    return cuts[49], cuts[94], cuts[98]


def _answer(connection: http.client.HTTPConnection, path: str) -> None:
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    if answer.status != http.client.OK:
        raise SystemExit(f"{path} was answered {answer.status}")
