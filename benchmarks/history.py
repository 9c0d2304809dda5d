"""What lists and sweeps cost in a registry with a long history: `python -m benchmarks.history`.

Fills a throw-away SQLite file with concepts, each with many versions that pin all the others, as re-projecting leaves
them, and asks for every list over and over. What a list costs must follow what it answers, not what happened before.
"""

import argparse
import asyncio
import contextlib
import resource
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import httpx
from sqlalchemy import Engine, insert
from sqlalchemy.orm import Session

from app.main import create_app
from sepme_core.documents.answers import ModelDescription
from sepme_core.documents.requests import KnownDocument
from sepme_core.registry import audit, jobs, knowledge, serving
from sepme_core.registry.database import make_engine, migrate, writing
from sepme_core.registry.tables import Concept, Increment, Job
from sepme_core.settings import Settings

BASE = "sha256:" + 64 * "b"
WARMING = 5
MEGABYTE = 1024 * 1024

Seconds = tuple[float, float]
"""By the clock, and those in which this process computed: others may be busy on the machine."""

LISTS = ("/concepts", "/concepts?limit=200", "/concepts/c00007", "/jobs", "/jobs?limit=200", "/audit", "/protected")
CERTIFICATE = {"correlation": 0.01, "leak": {"max": 0.0003, "values": [0.0001] * 200}, "effect_kept": 1.0}


def entry(place: int) -> KnownDocument:
    """A concept as others pin it, with wordings of the usual length."""
    name = f"c{place:05}"
    return {"name": name, "kind": "object", "prompts": [f"{name} in the wording number {each}" for each in range(8)]}


def fill(engine: Engine, concepts: int, versions: int) -> None:
    """Write the history: each round makes one version of every concept, which leaves all the others alone."""
    known = [entry(place) for place in range(concepts)]
    with writing(engine) as session:
        serving.announce_model(session, cast("ModelDescription", {"name": "demo", "base_digest": BASE}))
        session.add_all(
            Concept(**each, protect=[], state="erased", version=versions, tag="t", irrevocable=False) for each in known
        )
        audit.append(session, "anonymous", "erase", "c00000")
    for version in range(1, versions + 1):
        with writing(engine) as session:
            _fill_round(session, known, version)


def _fill_round(session: Session, known: list[KnownDocument], version: int) -> None:
    rows, done, kept = [], [], knowledge.keep(session, known, [])
    for each in known:
        body = {**each, "protect": [], "options": {}, "irrevocable": False, "override": False, "substitute": None}
        pinned = {**kept, "besides": [each["name"]]}
        made = {"digest": BASE, "base_digest": BASE, "bytes": 10**6, "settings": {}, "job_id": each["name"]}
        reason = "erased" if version == 1 else "reprojected"
        rows.append(
            {"concept": each["name"], "version": version, "reason": reason, "certificate": CERTIFICATE}
            | {"request": body, "pinned": pinned, **made}
        )
        if version == 1:
            result = {"name": each["name"], "versions": []}
            done.append(
                {"id": each["name"], "kind": "erase", "queue": "erase", "state": "succeeded", "concept": each["name"]}
                | {"request": body, "pinned": pinned, "actor": "anonymous", "result": result}
            )
    session.execute(insert(Increment), rows)
    if done:
        session.execute(insert(Job), done)


async def ask(settings: Settings, questions: int) -> None:
    """Print what each list takes, over the application's whole way from the request to the answer."""
    transport = httpx.ASGITransport(create_app(settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=600) as client:
        for path in LISTS:
            for _ in range(WARMING):
                (await client.get(path)).raise_for_status()
            with measured(path) as took:
                for _ in range(questions):
                    started = _clocks()
                    answer = await client.get(path)
                    took.append(_since(started))
            print(f"{'':24} {len(answer.content) / 1024:9.0f} KiB answered, {answer.status_code}")


async def ask_for_a_hundred(settings: Settings, file: Path) -> None:
    """Print what one request for a hundred erasures of 6 kB each costs, joint and not, the database included."""
    for joint in (False, True):
        prompts = [[f"{joint} {name} {place} " + 80 * "x" for place in range(60)] for name in range(100)]
        body = [{"name": f"n{int(joint)}-{name}", "prompts": said} for name, said in enumerate(prompts)]
        transport = httpx.ASGITransport(create_app(settings))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=600) as client:
            before = _on_disk(file)
            with measured(f"POST /erasures{' joint' if joint else ''}") as took:
                started = _clocks()
                answer = await client.post("/erasures", json={"concepts": body, "joint": joint})
                took.append(_since(started))
            answer.raise_for_status()
            grown, size = (_on_disk(file) - before) / MEGABYTE, len(answer.content) / 1024
            print(f"{'':24} {size:9.0f} KiB answered, {answer.status_code}, +{grown:.0f} MiB on disk")


@contextmanager
def measured(what: str) -> Iterator[list[Seconds]]:
    """Print the quantiles of the seconds that are noted, and by how much the process grew meanwhile."""
    before, took = _peak(), list[Seconds]()
    yield took
    by_the_clock, computing = zip(*took, strict=True)
    print(
        f"{what:24} {_quantiles(by_the_clock)}, computing {_quantiles(computing)}, memory +{_peak() - before:.0f} MiB",
        flush=True,
    )


def _quantiles(seconds: Sequence[float]) -> str:
    slowest = statistics.quantiles(seconds, n=100, method="inclusive")[98] if len(seconds) > 1 else seconds[0]
    return f"median {1000 * statistics.median(seconds):7.1f} ms p99 {1000 * slowest:7.1f} ms"


def _clocks() -> Seconds:
    return time.perf_counter(), time.process_time()


def _since(started: Seconds) -> Seconds:
    return time.perf_counter() - started[0], time.process_time() - started[1]


def _on_disk(file: Path) -> int:
    """The size of the database, once what is in its write-ahead log is written back."""
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return file.stat().st_size


def sweep(engine: Engine, name: str, look: Callable[[Session], object], times: int) -> None:
    """Print what one of the reaper's looks takes."""
    with measured(name) as took:
        for _ in range(times):
            started = _clocks()
            with writing(engine) as session:
                look(session)
            took.append(_since(started))


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Fill, ask, sweep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--concepts", type=int, default=1000)
    parser.add_argument("--versions", type=int, default=50)
    parser.add_argument("--questions", type=int, default=100)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "registry.sqlite3"
        settings = Settings(home=Path(folder), database_url=f"sqlite:///{file}", blob_url=Path(folder).as_uri())
        engine = make_engine(settings.database_url)
        migrate(engine)
        started = time.perf_counter()
        fill(engine, asked.concepts, asked.versions)
        print(f"{asked.concepts} concepts x {asked.versions} versions: {_on_disk(file) / MEGABYTE:.0f} MiB on disk")
        print(f"written in {time.perf_counter() - started:.0f} s")
        asyncio.run(ask(settings, asked.questions))
        sweep(engine, "sweep: re-projections", jobs.enqueue_reprojections, min(asked.questions, 5))
        sweep(engine, "sweep: occasion", jobs.occasion, min(asked.questions, 5))
        asyncio.run(ask_for_a_hundred(settings, file))
        engine.dispose()


if __name__ == "__main__":
    main()
