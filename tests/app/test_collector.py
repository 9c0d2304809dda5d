"""What is deleted after its time, and what never is: on both databases."""

import os
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy import Engine, func, select, update

from app.collector import DAY_SECONDS, Collector
from sepme_core.registry import jobs
from sepme_core.registry.blobs import Blobs, FolderBlobs
from sepme_core.registry.database import reading, writing
from sepme_core.registry.tables import Image, Job, Knowledge
from sepme_core.registry.types import database_time
from sepme_core.settings import Settings
from tests.app import working
from tests.app.running import RunningService

PICTURE: Any = {"prompt": "a cat", "erased": []}
GRACE_DAYS = 1.0


@pytest.fixture
def settings(
    environment_without_settings: None, tmp_path: Path, database_url: str, broker_url: str, blob_url: str
) -> Settings:
    del environment_without_settings
    return Settings(
        home=tmp_path / "home",
        database_url=database_url,
        broker_url=broker_url,
        blob_url=blob_url,
        keep_pictures_days=30,
        keep_jobs_days=60,
        orphan_days=GRACE_DAYS,
    )


@pytest.fixture
def collector(service: RunningService) -> Collector:
    return Collector(service.services)


@pytest.fixture
def erased(client: httpx.Client, engine: Engine, blobs: Blobs, model: None) -> str:
    """The digest of an increment, erased with its evidence: there is an audit by which the blobs are known."""
    del model
    working.erase(engine, blobs, client.post("/concepts/cat/erase").json()["id"], evidence=True)
    return str(client.get("/concepts/cat").json()["digest"])


def draw(client: httpx.Client, engine: Engine, blobs: Blobs, **body: object) -> str:
    """The path of a picture."""
    job_id = client.post("/generate", json={**PICTURE, **body}).json()["id"]
    working.draw(engine, blobs, job_id)
    return str(client.get(f"/jobs/{job_id}").json()["result"]["images"][0]["url"])


def age_rows(engine: Engine, days: float) -> None:
    with writing(engine) as session:
        session.execute(update(Image).values(created_at=database_time(-days * DAY_SECONDS)))
        session.execute(update(Job).values(finished_at=database_time(-days * DAY_SECONDS)))


def age_files(settings: Settings, days: float = 2 * GRACE_DAYS) -> None:
    """Let the bytes, and the marks of those that are to leave, lie untouched for as long."""
    moment = time.time() - days * DAY_SECONDS
    for file in Path(urlsplit(settings.blob_url).path).glob("*/*"):
        os.utime(file, (moment, moment))


def collect_all(collector: Collector, settings: Settings) -> None:
    for _ in range(2):  # marked, and deleted when the mark is old
        age_files(settings)
        collector.collect()


def test_a_picture_is_gone_after_its_time_and_after_the_grace(
    client: httpx.Client, engine: Engine, blobs: Blobs, collector: Collector, settings: Settings, erased: str
) -> None:
    path = draw(client, engine, blobs)
    age_rows(engine, days=29)
    collect_all(collector, settings)
    assert client.get(path).status_code == 200
    age_rows(engine, days=31)
    age_files(settings)
    collector.collect()
    assert client.get(path).status_code == 200
    collect_all(collector, settings)
    answer = client.get(path)
    assert (answer.status_code, answer.json()["type"]) == (410, "/problems/image-gone")
    assert client.get(path, headers={"Accept": "application/json"}).status_code == 200
    assert blobs.holds(erased)


def test_evidence_and_what_is_stored_are_never_deleted(
    client: httpx.Client, engine: Engine, blobs: Blobs, collector: Collector, settings: Settings, erased: str
) -> None:
    client.delete("/concepts/cat")
    age_rows(engine, days=1000)
    collect_all(collector, settings)
    assert blobs.holds(erased)
    concept = client.get("/concepts/cat").json()
    assert len(concept["certificate"]["pictures"]) == 2
    for picture in concept["certificate"]["pictures"]:
        assert client.get(picture["url"]).status_code == 200


@pytest.mark.usefixtures("erased")
def test_bytes_that_a_younger_picture_shares_stay(
    client: httpx.Client, engine: Engine, blobs: Blobs, collector: Collector, settings: Settings
) -> None:
    draw(client, engine, blobs)
    age_rows(engine, days=31)
    path = draw(client, engine, blobs)
    collect_all(collector, settings)
    assert client.get(path).status_code == 200


def test_what_was_purged_is_deleted_unless_a_job_that_waits_still_names_it(
    client: httpx.Client, blobs: Blobs, collector: Collector, settings: Settings, erased: str
) -> None:
    waiting = client.post("/generate", json={**PICTURE, "erased": ["cat"]}).json()["id"]
    client.delete("/concepts/cat?purge=true")
    collect_all(collector, settings)
    assert blobs.holds(erased)
    client.post(f"/jobs/{waiting}/cancel")
    collect_all(collector, settings)
    assert not blobs.holds(erased)


@pytest.mark.usefixtures("erased")
def test_bytes_that_are_about_to_be_published_are_never_taken(
    blobs: Blobs, collector: Collector, settings: Settings
) -> None:
    """They were there, and left, before: storing them again makes them young."""
    digest = blobs.put(b"an increment")
    age_files(settings)
    collector.collect()
    age_files(settings)
    blobs.put(b"an increment")
    collector.collect()
    assert blobs.holds(digest)
    collect_all(collector, settings)
    assert not blobs.holds(digest)


@pytest.mark.usefixtures("erased")
def test_what_somebody_has_come_to_name_meanwhile_stays(
    engine: Engine, blobs: Blobs, collector: Collector, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look that finds nothing and the transaction that deletes."""
    digest = blobs.put(b"an increment")
    age_files(settings)
    collector.collect()
    leave = FolderBlobs.leave

    def name_it(store: FolderBlobs, leaving: str) -> float:
        monkeypatch.setattr(FolderBlobs, "leave", leave)
        pinned: Any = {"mask": {"concepts": [{"name": "cat", "version": 1, "digest": digest}]}}
        with writing(engine) as session:
            jobs.enqueue(
                session,
                kind="generate",
                request=PICTURE,
                pinned=pinned,
                concept=None,
                actor="tests",
            )
        return leave(store, leaving)

    monkeypatch.setattr(FolderBlobs, "leave", name_it)
    age_files(settings)
    collector.collect()
    assert blobs.holds(digest)


def test_finished_jobs_are_forgotten_but_those_that_an_increment_came_by(
    client: httpx.Client, engine: Engine, blobs: Blobs, collector: Collector, erased: str
) -> None:
    path = draw(client, engine, blobs)
    waiting = client.post("/generate", json=PICTURE).json()["id"]
    age_rows(engine, days=61)
    with writing(engine) as session:
        session.execute(update(Job).where(Job.id == waiting).values(finished_at=None))
    collector.collect()
    left = {job["id"]: job["kind"] for job in client.get("/jobs").json()["items"]}
    assert sorted(left.values()) == ["erase", "generate"]
    assert waiting in left
    assert client.get(path).status_code == 404
    assert client.get("/concepts/cat").json()["digest"] == erased


@pytest.mark.usefixtures("erased")
def test_what_forgotten_jobs_alone_pinned_is_forgotten_after_the_grace(
    client: httpx.Client, engine: Engine, collector: Collector
) -> None:
    waiting = client.post("/concepts/dog/erase").json()["id"]
    client.post(f"/jobs/{waiting}/cancel")
    before = lists(engine)
    collector.collect()
    assert lists(engine) == before, "the cancelled job pins it"
    age_rows(engine, days=61)
    collector.collect()
    assert lists(engine) == before, "the grace has begun"
    with writing(engine) as session:
        marked = update(Knowledge).where(Knowledge.unpinned_at.is_not(None))
        session.execute(marked.values(unpinned_at=database_time(-2 * GRACE_DAYS * DAY_SECONDS)))
    collector.collect()
    assert 0 < lists(engine) < before


def lists(engine: Engine) -> int:
    with reading(engine) as session:
        return session.scalars(select(func.count()).select_from(Knowledge)).one()


@pytest.mark.usefixtures("erased")
def test_nothing_is_deleted_from_blobs_that_are_another_registrys(
    blobs: Blobs, collector: Collector, settings: Settings
) -> None:
    digest = blobs.put(b"another registry's")
    assert blobs.belong_to("another registry's mark")
    collect_all(collector, settings)
    assert blobs.holds(digest)
