"""`sepme doctor`, as it is typed."""

import json
from pathlib import Path
from typing import Any

import pytest

from sepme.command import main
from sepme.doctor import examination, installation


@pytest.fixture(autouse=True)
def home(environment_without_settings: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    del environment_without_settings
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("SEPME_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def found(capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit status, and what is found, by name."""
    status = main(["doctor", "--json"])
    document = json.loads(capsys.readouterr().out)
    assert document["ok"] is (status == 0)
    return status, {each["name"]: each for each in document["findings"]}


def test_without_the_extra_it_says_so_and_looks_at_the_rest(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (installation, examination):
        monkeypatch.setattr(module, "worker_lacking", lambda: "torch: not installed, and a worker needs that.")
    monkeypatch.setenv("SEPME_PROT", "8001")
    status, findings = found(capsys)
    assert status == 0
    assert (findings["worker"]["state"], findings["worker"]["remedy"]) == ("warning", "pip install 'sepme[worker]'")
    assert "SEPME_PROT is no setting" in findings["settings"]["detail"]
    assert {"Python", "state folder", "disk", "port", "model", "signing", "broker", "database"} <= findings.keys()
    assert "torch" not in findings
    assert findings["database"]["detail"] == f"none yet: the first start makes {home / 'registry.sqlite3'}"
    assert not home.exists()


def test_a_setting_that_cannot_be_used_is_1_by_its_name(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEPME_PORT", "seventy")
    assert main(["doctor"]) == 1
    said = capsys.readouterr().out
    assert "FAILED   settings: SEPME_PORT: " in said
    assert said.splitlines()[-1].startswith("1 failed")


def test_a_profile_that_cannot_be_used_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert installation.of_client()["detail"].endswith("this machine's, without a key")
    monkeypatch.setenv("SEPME_PROFILE", "studio")
    found = installation.of_client()
    assert found["state"] == "failed"
    assert "has no profile 'studio'" in found["detail"]


@pytest.mark.slow
def test_with_everything_there_torch_and_the_device_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    status, findings = found(capsys)
    assert status == 0
    assert findings["torch"]["state"] == "ok"
    assert findings["device"]["state"] == "ok"
