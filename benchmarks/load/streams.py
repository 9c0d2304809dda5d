"""Work without end for every worker: erasures, each with another seed, and pictures."""

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

ERASED = ("cat", "fish")
PATIENT = {"Prefer": "wait=60"}
PICTURE = {"prompt": "a cat in ink style", "erased": [], "steps": 50, "count": 4}


@contextmanager
def streams(client: httpx.Client) -> Iterator[Counter[str]]:
    """Keep the workers busy, two that erase and one that draws; counts how the jobs ended."""
    over, ended = threading.Event(), Counter[str]()

    def follow(post: Callable[[int], httpx.Response]) -> None:
        for number in itertools.count(1):
            if over.is_set():
                return
            ended[_end_of(post(number))] += 1

    def erase(name: str, number: int) -> httpx.Response:
        body: dict[str, Any] = {"override": True, "options": {"seed": number}}
        return client.post(f"/concepts/{name}/erase", json=body, headers=PATIENT)

    def draw(number: int) -> httpx.Response:
        return client.post("/generate", json={**PICTURE, "seed": number}, headers=PATIENT)

    posts = [draw, *(lambda number, name=name: erase(name, number) for name in ERASED)]
    threads = [threading.Thread(target=follow, args=(post,), daemon=True) for post in posts]
    for thread in threads:
        thread.start()
    try:
        yield ended
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _end_of(answer: httpx.Response) -> str:
    document = answer.json()
    return f"{document['kind']} {document['state']}" if answer.is_success else str(document["type"])
