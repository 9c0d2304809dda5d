"""Watch a service come up, from outside: by what its front end says of itself at `/readyz`."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

ASK_SECONDS = 0.3
ANSWER_SECONDS = 3.0
LONG_SECONDS = 90.0


@dataclass(frozen=True)
class Readiness:
    """What a front end says: for each part (`database`, `worker for erase`, …) what it lacks, "" where it is up."""

    lacking: Mapping[str, str]

    @property
    def up(self) -> list[str]:
        """The parts that are up, in the order they were named."""
        return [part for part, lack in self.lacking.items() if not lack]

    @property
    def complete(self) -> bool:
        """Whether everything is up, the model included."""
        return not any(self.lacking.values())


def ask(address: str) -> Readiness | None:
    """Ask a front end once; None where it does not answer (yet)."""
    try:
        return read(httpx.get(f"{address}/readyz", timeout=ANSWER_SECONDS, trust_env=False).json())
    except (httpx.HTTPError, ValueError):
        return None


def read(body: Any) -> Readiness:
    """Read the document: each part has a `status` and a `detail`; `workers` is such a part for each queue.

    Raises:
        ValueError: it is another document, from something that is no sepme.
    """
    try:
        workers = {f"worker for {queue}": part for queue, part in body["workers"].items()}
        parts = {"database": body["database"], "broker": body["broker"], **workers, "model": body["model"]}
        return Readiness({name: "" if part["status"] == "up" else part["detail"] for name, part in parts.items()})
    except (KeyError, TypeError, AttributeError) as unexpected:
        raise ValueError("the answer is not what /readyz of sepme says") from unexpected


def until_ready(
    address: str, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic
) -> Iterator[Readiness | None]:
    """Ask until everything is up; says once, after a long time, what is still missing.

    Yields: each answer, the complete one last, with a pause before the next question.
    """
    started, warned = clock(), False
    while True:
        answer = ask(address)
        yield answer
        if answer is not None and answer.complete:
            return
        if not warned and clock() - started > LONG_SECONDS:
            warned = True
            say(_still_missing(answer))
        time.sleep(ASK_SECONDS)


def _still_missing(answer: Readiness | None) -> str:
    if answer is None:
        return "Still waiting for the front end to answer."
    late = [f"{part} ({lack})" for part, lack in answer.lacking.items() if lack]
    return f"Still waiting for: {', '.join(late)}."
