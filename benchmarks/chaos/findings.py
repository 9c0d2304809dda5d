"""When all is quiet: what was accepted, held against what is there."""

import hashlib
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx
from sqlalchemy import text

from benchmarks.chaos.clients import Accepted
from benchmarks.chaos.service import Service

QUIET_SECONDS = 240.0
REPLAYED = 24
FORGOTTEN = ("unknown-concepts", "concept-in-progress")  # its mask named a concept that was purged since
ENDED = {"succeeded", "failed", "cancelled"}
OWN_FAULTS = {"worker-lost", "internal-error", "storage-unusable", "increment-damaged"}
"""Problems that no request brings about; what the method refuses, or somebody calls off, is no finding."""

LISTED = ("lost", "unfinished", "failed", "doubled", "wrong_pixels", "wrong_digests", "broken_audit")


@dataclass(frozen=True)
class Findings:
    """Each a list of what is wrong, empty where nothing is."""

    lost: list[str]
    unfinished: list[str]
    failed: list[str]
    doubled: list[str]
    wrong_pixels: list[str]
    wrong_digests: list[str]
    broken_audit: list[str]
    ended: Counter[str]
    replayed: int

    @property
    def none(self) -> bool:
        """Whether nothing is."""
        return not any(getattr(self, name) for name in LISTED)


def await_quiet(client: httpx.Client) -> None:
    """Wait until no job is queued or running, or the time is up."""
    deadline = time.monotonic() + QUIET_SECONDS
    while time.monotonic() < deadline:
        live = [client.get("/jobs", params={"state": state}).json()["items"] for state in ("queued", "running")]
        if not any(live):
            return
        time.sleep(1.0)


def find(service: Service, accepted: Sequence[Accepted]) -> Findings:
    """Look at every job, row and file."""
    with httpx.Client(base_url=service.addresses[0], timeout=60) as client:
        await_quiet(client)
        once = {each.job_id: each for each in accepted}.values()  # who asks for what is under way gets the same job
        answers = [(each, client.get(f"/jobs/{each.job_id}")) for each in once]
        found = [(each, answer.json()) for each, answer in answers if answer.is_success]
        audit = client.get("/readyz", params={"full": "true"}).json()["audit"]
        pixels, replayed = replay(client, [pair for pair in found if pair[1]["state"] == "succeeded"])
    failed = [
        f"{each.kind} {each.job_id}: {job['problem']['type']} {job['problem'].get('detail', '')}"
        for each, job in found
        if job["state"] == "failed" and job["problem"]["type"].rsplit("/", 1)[-1] in OWN_FAULTS
    ]
    return Findings(
        lost=[each.job_id for each, answer in answers if answer.status_code == httpx.codes.NOT_FOUND],
        unfinished=[f"{each.kind} {each.job_id}: {job['state']}" for each, job in found if job["state"] not in ENDED],
        failed=failed,
        doubled=doubled(service),
        wrong_pixels=pixels,
        wrong_digests=wrong_digests(service),
        broken_audit=[] if audit["status"] == "up" else [audit["detail"]],
        ended=Counter(f"{each.kind} {job['state']}" for each, job in found),
        replayed=replayed,
    )


def replay(client: httpx.Client, drawn: Sequence[tuple[Accepted, dict[str, Any]]]) -> tuple[list[str], int]:
    """Draw some pictures again, alone, as their records say: under the same mask they must have the same pixels."""
    wrong, replayed = [], 0
    pictures = [(each, job) for each, job in drawn if each.kind == "generate"]
    for each, job in pictures[:: max(len(pictures) // REPLAYED, 1)]:
        drawn_first = job["result"]["images"][0]
        how = client.get(drawn_first["url"], headers={"Accept": "application/json"}).json()["replay"]
        answer = client.post("/generate", json=how["request"], headers={"Prefer": "wait=60"})
        again = answer.json()
        if not answer.is_success:
            if again["type"].rsplit("/", 1)[-1] not in FORGOTTEN:
                wrong.append(f"{each.job_id}: its replay was answered {again}")
            continue
        if again["state"] != "succeeded" or again["result"]["mask"]["digest"] != job["result"]["mask"]["digest"]:
            continue  # what is active is something else by now
        replayed += 1
        before, now = drawn_first["sha256"], again["result"]["images"][how["row"]]["sha256"]
        if before != now:
            wrong.append(f"{each.job_id}: {before}, again {now}")
    return wrong, replayed


def doubled(service: Service) -> list[str]:
    """Jobs that published more than one version, or more pictures than were asked for, or ended more than once."""
    questions = {
        "versions": "SELECT job_id, count(*) FROM increments WHERE reason != 'substituted' GROUP BY job_id"
        " HAVING count(*) > 1",
        "pictures": "SELECT i.job_id, count(*) FROM images i JOIN jobs j ON j.id = i.job_id WHERE j.kind = 'generate'"
        " GROUP BY i.job_id HAVING count(*) > 1",
        "ends": "SELECT job_id, count(*) FROM events WHERE kind != 'progress' GROUP BY job_id HAVING count(*) > 1",
    }
    with service.engine.connect() as connection:
        return [
            f"{what} of {job_id}: {count}"
            for what, question in questions.items()
            for job_id, count in connection.execute(text(question))
        ]


def wrong_digests(service: Service) -> list[str]:
    """Increments whose bytes are not what their digest says, or that the same request gave different bytes."""
    wrong: list[str] = []
    made: dict[str, set[str]] = {}
    question = text("SELECT digest, concept, request, pinned FROM increments WHERE reason = 'erased'")
    with service.engine.connect() as connection:
        for digest, concept, request, pinned in connection.execute(question):
            file = service.blobs / digest[7:9] / digest[9:]
            if not file.is_file() or f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}" != digest:
                wrong.append(f"the bytes of {digest} ({concept})")
            made.setdefault(json.dumps([request, pinned]), set()).add(digest)
    return [*wrong, *(f"one request, {sorted(digests)}" for digests in made.values() if len(digests) > 1)]
