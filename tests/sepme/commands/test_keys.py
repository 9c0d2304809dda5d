"""`sepme keys` and `sepme bundle`: on this machine's registry, or at a service, and never a surprise which."""

import re
import stat
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine

from sepme_core.registry.blobs import Blobs
from sepme_core.settings import Settings
from tests.app import working
from tests.app.running import RunningService
from tests.sepme.commands.conftest import Run


@pytest.fixture
def operator(run: Run, service: RunningService, tmp_path: Path) -> tuple[str, ...]:
    """Options by which the operator's key is sent."""
    del service
    said = run("keys", "create", "ops", "--scope", "admin", "--floor", "none", "--json")
    (tmp_path / "key").write_text(said.document["key"])
    (tmp_path / "key").chmod(0o600)
    return ("--key-file", str(tmp_path / "key"))


def test_where_a_service_is_named_keys_are_made_there(
    run: Run, operator: tuple[str, ...], client: httpx.Client, service: RunningService
) -> None:
    quotas = ("--waiting-jobs", "3", "--pictures-a-minute", "60", "--erasures-a-day", "2")
    scopes = ("--scope", "generate,mask:choose", "--scope", "jobs:read")
    made = run("keys", "create", "shop", *scopes, "--floor", "none", *quotas, "--expires-in-days", "2", *operator)
    assert made.status == 0
    assert made.err == f"At {service.url}.\n"
    assert len(re.findall(r"^sepme_\w+$", made.out, re.MULTILINE)) == 1
    (key,) = [each for each in run("keys", "list", "--json", *operator).document["items"] if each["name"] == "shop"]
    assert set(key["scopes"]) == {"generate", "mask:choose", "jobs:read"}
    assert key["floor"] == "none"
    assert key["quotas"] == {"waiting_jobs": 3, "pictures_a_minute": 60, "erasures_a_day": 2}
    assert key["expires_at"] is not None
    assert "sepme_" in run("keys", "rotate", "shop", "--overlap-seconds", "60", *operator).out
    assert "revoked 2" in run("keys", "revoke", "shop", *operator).out
    assert run("keys", "revoke", "nobody", *operator).status == 2
    assert client.get("/keys").status_code == 401


def test_local_is_this_machines_registry_whatever_the_environment_names(
    run: Run, service: RunningService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del service
    monkeypatch.setenv("SEPME_HOME", str(tmp_path / "own"))
    said = run("keys", "create", "here", "--scope", "generate", "--floor", "active", "--local")
    assert said.status == 0
    assert said.err == "On this machine's registry.\n"
    assert (tmp_path / "own" / "registry.sqlite3").is_file()
    assert run("keys", "list", "--json").document["items"] == []
    listed = run("keys", "list", "--home", str(tmp_path / "own"), "--json").document["items"]
    assert [key["name"] for key in listed] == ["here"]
    assert run("keys", "revoke", "here", "--local").status == 0
    assert run("keys", "rotate", "here", "--local").status == 2


def test_without_a_service_named_it_is_this_machines_registry(run: Run, tmp_path: Path) -> None:
    assert run("keys", "create", "ops", "--scope", "admin", "--home", str(tmp_path)).status == 0
    said = run("keys", "first", "--file", str(tmp_path / "key"), "--home", str(tmp_path))
    assert said.out == "There are keys: none was made.\n"


@pytest.mark.parametrize("asked", [("--local",), ("--home", "/x")])
def test_to_ask_for_both_is_refused(run: Run, asked: tuple[str, ...]) -> None:
    said = run("keys", "list", *asked, "--url", "http://a.example")
    assert said.status == 2
    assert f"{asked[0]} is this machine's registry" in said.err


def test_a_bundle_is_the_same_from_either(
    run: Run,
    service: RunningService,
    engine: Engine,
    blobs: Blobs,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = run("erase", "cat", "--no-wait", "--json").document["id"]
    working.erase(engine, blobs, job, evidence=True)
    said = run("bundle", "cat", str(tmp_path / "a.zip"))
    assert (said.status, said.err) == (0, f"From {service.url}.\n")
    assert "sepme verify --bundle" in said.out
    for name in ("home", "database_url", "blob_url"):
        monkeypatch.setenv(f"SEPME_{name.upper()}", str(getattr(settings, name)))
    here = run("bundle", "cat", str(tmp_path / "b.zip"), "--local", "--json")
    assert (here.status, here.err) == (0, "From this machine's registry.\n")
    assert here.document["bytes"] == (tmp_path / "b.zip").stat().st_size
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert all(stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600 for name in ("a.zip", "b.zip"))
    assert run("verify", "--bundle", str(tmp_path / "a.zip")).status == 0
    assert run("bundle", "dog", str(tmp_path / "dog.zip")).status == 2
    assert run("bundle", "cat").status == 2
    assert run("bundle", "cat", str(tmp_path / "nowhere" / "a.zip")).status == 2
    assert not (tmp_path / "dog.zip").exists()


def test_a_pictures_bundle_is_had_by_its_id_and_on_this_machine_by_its_file(
    run: Run, worker: None, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del worker
    assert run("erase", "dog").status == 0  # with nothing in the audit nothing is signed
    file = str(tmp_path / "cat.png")
    drawn = run("generate", "a cat", "--seed", "7", "-o", file, "--json").document["result"]["images"][0]["id"]
    assert run("bundle", f"--picture={drawn}", str(tmp_path / "a.zip")).status == 0
    said = run("bundle", "--picture", file, str(tmp_path / "c.zip"))
    assert said.status == 2
    assert "--local" in said.err
    for name in ("home", "database_url", "blob_url"):
        monkeypatch.setenv(f"SEPME_{name.upper()}", str(getattr(settings, name)))
    assert run("bundle", "--picture", file, str(tmp_path / "b.zip"), "--local").status == 0
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert run("bundle", "cat", str(tmp_path / "a.zip"), "--picture", drawn).status == 2
