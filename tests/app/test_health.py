"""What is up and what is not."""

from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine, delete

from sepme_core.registry import serving
from sepme_core.registry.blobs import Blobs
from sepme_core.registry.database import writing
from sepme_core.registry.tables import AuditEntry
from sepme_core.settings import Settings
from tests.app import working
from tests.app.running import RunningService, running


def announce_workers(engine: Engine) -> None:
    with writing(engine) as session:
        for queue in ("erase", "generate"):
            serving.announce_worker(session, f"{queue}-1", queue, working.BASE)


@pytest.mark.usefixtures("model")
def test_everything_is_up(client: httpx.Client, engine: Engine) -> None:
    announce_workers(engine)
    answer = client.get("/readyz")
    found = answer.json()
    assert (answer.status_code, found["status"]) == (200, "ready")
    parts = [found["database"], found["broker"], found["model"], *found["workers"].values()]
    assert {part["status"] for part in parts} == {"up"}
    assert set(found["workers"]) == {"erase", "generate"}


@pytest.mark.parametrize("query", ["?full", "?full=true"])
@pytest.mark.usefixtures("model")
def test_a_full_look_walks_the_audit_and_finds_an_end_that_was_cut_off(
    client: httpx.Client, service: RunningService, engine: Engine, blobs: Blobs, query: str
) -> None:
    for name in ("cat", "dog"):
        working.erase(service.services.engine, blobs, client.post(f"/concepts/{name}/erase").json()["id"])
    assert client.get(f"/readyz{query}").json()["audit"]["status"] == "up"
    with writing(engine) as session:
        session.execute(delete(AuditEntry).where(AuditEntry.sequence == 2))
    found = client.get(f"/readyz{query}")
    assert (found.status_code, found.json()["status"], found.json()["audit"]["status"]) == (200, "degraded", "down")
    assert "names entry 2" in found.json()["audit"]["detail"]
    assert "audit" not in client.get("/readyz").json()


def test_without_workers_and_model_requests_are_still_taken(client: httpx.Client) -> None:
    answer = client.get("/readyz")
    found = answer.json()
    assert (answer.status_code, found["status"]) == (200, "degraded")
    assert found["model"]["status"] == found["workers"]["erase"]["status"] == "degraded"
    assert found["database"]["status"] == found["broker"]["status"] == "up"


@pytest.mark.usefixtures("model")
def test_without_a_broker_requests_are_still_taken(settings: Settings, engine: Engine) -> None:
    announce_workers(engine)
    for url in ("redis+socket:///nowhere/broker.sock", None):
        with running(settings.model_copy(update={"broker_url": url})) as service, service.client() as client:
            answer = client.get("/readyz")
            assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
            assert answer.json()["broker"]["status"] == "degraded"
            assert client.post("/concepts/cat/erase").status_code == 202


def test_without_a_database_nothing_is_taken(client: httpx.Client, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE concepts RENAME TO elsewhere")
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/database-unavailable")
    assert answer.json()["database"]["status"] == "down"
    assert answer.json()["broker"]["status"] == "up"
    assert client.get("/livez").json() == {"status": "up"}
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO concepts")
    assert client.get("/readyz").status_code == 200


def test_a_database_that_comes_up_later_is_migrated_then(
    environment_without_settings: None, tmp_path: Path, broker_url: str
) -> None:
    del environment_without_settings
    place = tmp_path / "later"
    place.mkdir()
    settings = Settings(
        home=tmp_path, database_url=f"sqlite:///{place}/registry.sqlite3", broker_url=broker_url, sweep_seconds=0.2
    )
    blocked = place / "registry.sqlite3"
    blocked.mkdir()  # a folder in its place cannot be opened, whoever asks
    with running(settings) as service, service.client() as client:
        assert client.get("/readyz").status_code == 503
        answer = client.post("/concepts/cat/erase")
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/database-unavailable")
        blocked.rmdir()
        working.eventually(lambda: client.get("/readyz").status_code == 200)
        assert client.post("/concepts/cat/erase").status_code == 202


def test_a_database_server_that_is_down_holds_up_no_start(settings: Settings) -> None:
    nowhere = settings.model_copy(update={"database_url": "postgresql+psycopg://nobody@127.0.0.1:1/none"})
    with running(nowhere) as service, service.client() as client:
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()["database"]["status"]) == (503, "down")
        answer = client.get("/jobs")
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/database-unavailable")
        assert "127.0.0.1" not in answer.text, "where the database is, is the operator's business"


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/model", "/concepts"])
def test_answers_are_not_cached(client: httpx.Client, path: str) -> None:
    assert client.get(path).headers["cache-control"] == "no-store"
