"""`sepme keys`, on a registry that nobody serves."""

import json
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.keys.__main__ import main
from sepme_core.registry import key_secrets

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command: its status, and what it prints on either stream."""
    monkeypatch.setenv("SEPME_HOME", str(tmp_path))

    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(arguments)
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


@pytest.fixture(autouse=True)
def umask_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.umask", lambda _mask: 0)


def made(run: Run, *arguments: str) -> dict[str, Any]:
    status, out, err = run("create", *arguments, "--json")
    assert status == 0, err
    document: dict[str, Any] = json.loads(out)
    return document


def test_a_key_is_made_and_shown_once(run: Run) -> None:
    status, out, _ = run("create", "shop", "--scope", "generate,mask:choose", "--pictures-a-minute", "60")
    (text,) = re.findall(r"^sepme_\w+$", out, re.MULTILINE)
    assert (status, key_secrets.id_of(text) is not None) == (0, True)
    listed = run("list")[1]
    assert "shop" in listed
    assert "floor active" in listed
    assert text not in listed


def test_what_was_chosen_is_kept(run: Run) -> None:
    key = made(run, "shop", "--scope", "generate", "--floor", "none", "--expires-in-days", "2", "--waiting-jobs", "9")
    assert (key["scopes"], key["floor"], key["made_by"]) == (["generate"], "none", "operator")
    assert key["quotas"] == {"waiting_jobs": 9, "pictures_a_minute": None, "erasures_a_day": None}
    assert key["expires_at"] > key["created_at"]


def test_rotating_gives_another_secret_under_the_same_id(run: Run) -> None:
    first = made(run, "shop", "--scope", "generate")
    again = json.loads(run("rotate", "shop", "--json")[1])
    assert (again["id"], again["key"] != first["key"]) == (first["id"], True)


def test_revoking_is_for_good(run: Run) -> None:
    made(run, "shop", "--scope", "generate")
    assert json.loads(run("revoke", "shop", "--json")[1])["revoked_at"]
    assert run("rotate", "shop")[0] == 2
    assert run("create", "shop", "--scope", "generate")[0] == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("create", "shop", "--scope", "paint"), "'paint' is no scope: choose of generate"),
        (("create", "Big Shop", "--scope", "generate"), "is no name"),
        (("create", "shop", "--scope", "generate", "--floor", "nowhere"), "no increment for nowhere: erase it first"),
        (("create", "shop", "--scope", "generate", "--floor", "none", "--floor", "cat"), "not some of each"),
        (("create", "shop", "--scope", "generate", "--erasures-a-day", "0"), "--erasures-a-day must be 1 or more"),
        (("create", "shop", "--scope", "generate", "--expires-in-days", "nan"), "must be more than 0"),
        (("rotate", "shop"), "keys-pepper is not there"),
        (("revoke", "shop"), "`sepme keys list` lists them"),
    ],
)
def test_what_cannot_be_done_is_said_with_the_remedy(run: Run, arguments: tuple[str, ...], said: str) -> None:
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert said in err


def test_the_first_key_is_made_once_and_lies_in_a_file_of_its_owner(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "keys" / "admin-key"
    assert run("first", "--file", str(file))[1] == f"A key for admin lies in {file}.\n"
    key = file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert run("first", "--file", str(file))[1] == "There are keys: none was made.\n"
    assert file.read_text() == key


def test_a_first_key_that_cannot_be_written_is_not_made(run: Run, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("a file")
    status, _, err = run("first", "--file", str(tmp_path / "keys" / "admin-key"))
    assert status == 2
    assert "no key was made" in err
    assert run("list")[1] == "No key was made yet: this machine alone is answered.\n"
