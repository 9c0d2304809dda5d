"""What `sepme doctor` is told of the registry, its keys and the broker."""

from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine, text

from app.diagnosis import of_broker, of_registry
from sepme_core.registry.database import make_engine, writing
from sepme_core.settings import Settings


def test_a_registry_of_this_release_without_keys_is_as_it_should_be(settings: Settings) -> None:
    database, keys = of_registry(settings)
    assert (database["state"], keys["state"]) == ("ok", "ok")
    (_, keys) = of_registry(settings.model_copy(update={"host": "0.0.0.0"}))
    assert keys["state"] == "warning"
    assert "sepme keys create" in str(keys["remedy"])


def test_with_keys_the_file_that_they_are_hashed_with_is_looked_for(settings: Settings, client: httpx.Client) -> None:
    client.post("/keys", json={"name": "ops", "scopes": ["admin"]}).raise_for_status()
    assert [each["state"] for each in of_registry(settings)] == ["ok", "ok"]
    settings.keys_pepper.unlink()
    _, keys = of_registry(settings)
    assert keys["state"] == "failed"
    assert "SEPME_KEYS_PEPPER" in keys["detail"]


def test_tables_of_another_release_are_told(settings: Settings, engine: Engine) -> None:
    with writing(engine) as session:
        session.execute(text("UPDATE alembic_version SET version_num = 'ffff'"))
    (newer,) = of_registry(settings)
    assert newer["state"] == "failed"
    assert "newer release" in newer["detail"]
    with writing(engine) as session:
        session.execute(text("DELETE FROM alembic_version"))
    (earlier,) = of_registry(settings)
    assert earlier["state"] == "warning"


def test_no_file_yet_is_no_fault_and_none_is_made(tmp_path: Path) -> None:
    (found,) = of_registry(Settings(home=tmp_path / "home"))
    assert found["state"] == "ok"
    assert not (tmp_path / "home").exists()


def test_a_file_that_is_no_database_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "registry.sqlite3").write_bytes(b"no database" * 100)
    (found,) = of_registry(Settings(home=tmp_path))
    assert (found["name"], found["state"]) == ("database", "failed")


def test_a_database_that_does_not_answer_is_a_fault_without_its_password() -> None:
    url = "postgresql+psycopg://sepme:secret@127.0.0.1:1/sepme"
    (found,) = of_registry(Settings(database_url=url))
    assert found["state"] == "failed"
    assert "secret" not in str(found)


def test_the_broker_that_is_set_is_asked(settings: Settings) -> None:
    assert [each["state"] for each in of_broker(settings)] == ["ok"]
    (found,) = of_broker(settings.model_copy(update={"broker_url": "redis://127.0.0.1:1/0"}))
    assert found["state"] == "failed"
    assert list(of_broker(settings.model_copy(update={"broker_url": None}))) == []


def test_the_address_of_a_database_is_told_without_its_password(
    settings: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    del engine
    monkeypatch.setattr("app.diagnosis.database.make_engine", lambda _url, **_: make_engine(settings.database_url))
    url = "postgresql+psycopg://sepme:secret@127.0.0.1/sepme"
    database, _ = of_registry(settings.model_copy(update={"database_url": url}))
    assert "sepme:***@127.0.0.1" in database["detail"]
