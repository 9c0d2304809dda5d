from pathlib import Path

import pytest
from pydantic import ValidationError
from sqlalchemy.engine import make_url

from sepme_core.settings import PAGE, Settings, page

pytestmark = pytest.mark.usefixtures("environment_without_settings")


def test_every_setting_is_described_and_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(field.description for field in Settings.model_fields.values())
    monkeypatch.setenv("SEPME_PORT", "9000")
    monkeypatch.setenv("SEPME_MODEL", "/models/sd-1.4")
    monkeypatch.setenv("SEPME_MODEL_REVISION", "")
    settings = Settings()
    assert (settings.port, settings.model, settings.model_revision) == (9000, "/models/sd-1.4", None)


def test_the_defaults_need_nothing_but_a_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    settings = Settings()
    assert settings.home == tmp_path / "sepme"
    assert settings.database_url == f"sqlite:///{tmp_path}/sepme/registry.sqlite3"
    assert settings.blob_url == f"file://{tmp_path}/sepme/blobs"
    assert settings.broker_url is None
    assert (settings.host, settings.port, settings.model, settings.device) == ("127.0.0.1", 8000, "demo", "auto")
    assert settings.lease_seconds + settings.sweep_seconds <= 15


def test_without_xdg_the_home_is_below_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Settings().home == tmp_path / ".local/share/sepme"


def test_relative_places_are_meant_from_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEPME_HOME", ".state")
    assert Settings().home == tmp_path / ".state"
    assert Settings(database_url="sqlite:///here.sqlite3").database_url == f"sqlite:///{tmp_path}/here.sqlite3"


def test_settings_cannot_be_changed_afterwards() -> None:
    settings = Settings()
    for name in Settings.model_fields:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(settings, name, getattr(settings, name))


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("sqla+sqlite:////tmp/x", "loses messages"),
        ("sqla+postgresql://localhost/x", "loses messages"),
        ("filesystem://", "loses messages"),
        ("memory://", "one process"),
        ("amqp://localhost", "not supported"),
        ("localhost:6379", "not supported"),
    ],
)
def test_brokers_that_lose_messages_are_refused_with_the_reason(url: str, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason) as refusal:
        Settings(broker_url=url)
    assert "redis+socket:///path" in str(refusal.value)
    assert refusal.value.error_count() == 1


@pytest.mark.parametrize("url", ["redis://localhost:6379/0", "rediss://:secret@host/1", "redis+socket:///run/v.sock"])
def test_redis_brokers_are_taken(url: str) -> None:
    assert Settings(broker_url=url).broker_url == url


def test_it_listens_on_loopback_unless_it_is_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().host == "127.0.0.1"
    monkeypatch.setenv("SEPME_HOST", "0.0.0.0")
    assert Settings().host == "0.0.0.0"


@pytest.mark.parametrize(
    ("url", "taken"),
    [
        ("postgresql://u:p%40ss@host/db", "postgresql+psycopg://u:p%40ss@host/db"),
        ("postgres://host/db", "postgresql+psycopg://host/db"),
        ("postgresql+psycopg://u@/db?host=/run", "postgresql+psycopg://u@/db?host=/run"),
        ("sqlite:////var/x.sqlite3", "sqlite:////var/x.sqlite3"),
    ],
)
def test_databases_are_reached_by_the_driver_that_is_there(url: str, taken: str) -> None:
    assert make_url(Settings(database_url=url).database_url) == make_url(taken)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("mysql://host/db", "mysql is not supported"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
        ("not a url", "not a URL"),
    ],
)
def test_other_databases_are_refused_with_the_remedy(url: str, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason) as refusal:
        Settings(database_url=url)
    assert "sqlite:///path/to/file" in str(refusal.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"port": 0},
        {"device": "gpu"},
        {"blob_url": "s3://bucket"},
        {"lease_seconds": 0.0},
        {"sweep_seconds": 0.0},
        {"job_attempts": 0},
        {"log_level": "loud"},
        {"model": ""},
    ],
)
def test_values_that_cannot_work_are_refused_by_name(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as refusal:
        Settings.model_validate(wrong)
    assert [error["loc"] for error in refusal.value.errors()] == [tuple(wrong)]


def test_passwords_are_neither_shown_nor_repeated_in_errors() -> None:
    shown = repr(Settings(database_url="postgresql://u:secret@h/d", broker_url="redis://:secret@h"))
    assert "secret" not in shown
    with pytest.raises(ValidationError) as refusal:
        Settings(database_url="mysql://u:secret@h/d", broker_url="amqp://u:secret@h")
    assert "secret" not in str(refusal.value)


def test_the_page_of_settings_is_what_the_program_reads() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m sepme_core.settings"
    assert all(f"`SEPME_{name.upper()}`" in page() for name in Settings.model_fields)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("public_url", "sepme.example", "not the address"),
        ("public_url", "ftp://sepme.example", "not the address"),
        ("public_url", "https://[::1", "not the address"),
        ("allowed_hosts", "api, http://api", "leave scheme"),
        ("allowed_hosts", "api:8000", "leave scheme"),
        ("trusted_proxies", "127.0.0.1, proxy", "no address"),
    ],
)
def test_hosts_and_proxies_that_would_never_match_are_refused(name: str, value: str, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        Settings.model_validate_strings({name: value})


def test_hosts_are_served_by_the_name_that_requests_give_them() -> None:
    settings = Settings.model_validate_strings(
        {"public_url": "https://Sepme.example:8443/", "allowed_hosts": "API, 2001:DB8::0:1", "host": "localhost"}
    )
    assert settings.served_hosts == {"localhost", "sepme.example", "api", "2001:db8::1"}


def test_the_home_of_a_user_is_put_for_a_tilde(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert Settings.model_validate({"model": "~/sd"}).model == "/home/somebody/sd"
    assert Settings.model_validate({"classifier": "~/clip"}).classifier == Path("/home/somebody/clip")
    with pytest.raises(ValidationError, match="cannot be expanded"):
        Settings.model_validate({"model": "~nobody-of-that-name/sd"})
