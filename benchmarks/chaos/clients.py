"""Clients that go on asking, whatever happens to the service, and remember what was accepted."""

import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

CONCEPTS = {"cat": "object", "fish": "object", "key": "object", "ink": "style", "sepia": "style"}
SHORT = {"max_steps": 0, "pictures": 4}
STEPS = 6
ACCEPTED = (200, 202)
PAUSE_SECONDS = 0.25
PATIENCE_SECONDS = 90.0


@dataclass
class Accepted:
    """What the service said yes to."""

    job_id: str
    kind: str
    body: dict[str, Any]


@dataclass
class Heard:
    """Everything that clients heard; shared by their threads."""

    accepted: list[Accepted] = field(default_factory=list)
    undocumented: list[str] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Client:
    """One client. Every request has a key of its own and is sent until it is answered, so none counts twice."""

    def __init__(self, addresses: Sequence[str], seed: int, heard: Heard) -> None:
        self._client = httpx.Client(timeout=20)
        self._addresses = addresses
        self._random = random.Random(seed)
        self._heard = heard
        self._over = threading.Event()
        self._seed = seed
        self._count = 0
        self._thread = threading.Thread(target=self._go_on, name=f"client {seed}", daemon=True)

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def stop(self) -> None:
        """Ask no more."""
        self._over.set()
        self._thread.join()

    def draw(self, body: dict[str, Any]) -> str | None:
        """Ask for a picture; its job's id, None where nothing came of it."""
        return self._ask("generate", "/generate", body)

    def _go_on(self) -> None:
        while not self._over.wait(PAUSE_SECONDS):
            name = self._random.choice(sorted(CONCEPTS))
            match self._random.randrange(10):
                case 0 | 1:
                    body = {"kind": CONCEPTS[name], "prompts": [name], "options": SHORT}
                    self._ask("erase", f"/concepts/{name}/erase", body)
                case 2:
                    self._send("DELETE", f"/concepts/{name}")
                case 3 if self._random.random() < 0.3:
                    self._send("DELETE", f"/concepts/{name}?purge=true")
                case _:
                    erased: Any = self._random.choice([[], "active"])
                    self.draw({"prompt": f"a {name}", "steps": STEPS, "seed": self._count, "erased": erased})

    def _ask(self, kind: str, path: str, body: dict[str, Any]) -> str | None:
        answer = self._send("POST", path, body)
        if answer is None or answer.status_code not in ACCEPTED:
            return None
        job_id = str(answer.json()["id"])
        with self._heard.lock:
            self._heard.accepted.append(Accepted(job_id, kind, body))
        return job_id

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response | None:
        self._count += 1
        headers = {"Idempotency-Key": f"chaos-{self._seed}-{self._count}"} if method == "POST" else {}
        if path == "/generate":  # whoever does not wait for pictures measures a queue of its own making
            headers["Prefer"] = "wait=15"
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                address = self._random.choice(self._addresses)
                answer = self._client.request(method, address + path, json=body, headers=headers)
            except httpx.TransportError:
                time.sleep(0.2)
                continue
            if answer.status_code in (503, 507, 429):  # documented: try again
                time.sleep(0.5)
                continue
            if answer.status_code >= 500:
                with self._heard.lock:
                    self._heard.undocumented.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
            return answer
        with self._heard.lock:
            self._heard.given_up.append(f"{method} {path}")
        return None
