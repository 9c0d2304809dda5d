"""`sepme bundle` and `sepme verify --bundle`, as they are typed."""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from sepme.command import main
from sepme_core.provenance import bundle
from sepme_core.provenance.concept_walk import LINKS
from sepme_core.provenance.identity import open_identity
from tests.app.bundles import Forger, fill, made, settings_in, unzipped

WITHOUT = ("torch", "diffusers", "PIL", "numpy", "sqlalchemy.orm", "app", "worker", "sepme_core.registry")
"""What neither checks a bundle, nor is asked for anything."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Path:
    home = tmp_path_factory.mktemp("home")
    shutil.copy(sqlite_template, home / "registry.sqlite3")
    fill(settings_in(home))
    return home


@pytest.fixture(scope="module")
def cat(home: Path) -> Path:
    """The bundle of the cat."""
    file = home / "cat.zip"
    file.write_bytes(made(settings_in(home), "cat"))
    return file


@pytest.fixture(scope="module")
def authority(home: Path, cat: Path) -> str:
    del cat  # an identity is made for it
    return str(home / "signing" / "ca.pem")


def test_a_bundle_is_written_and_holds(
    home: Path, cat: Path, authority: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "cat.zip"
    assert main(["bundle", "cat", str(file), "--home", str(home)]) == 0
    assert file.read_bytes() == cat.read_bytes()
    assert "sepme verify --bundle" in capfd.readouterr().out
    assert main(["verify", "--bundle", str(file), "--trust", authority]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines[:-1]] == [f"{'ok':<7} {name}" for name in LINKS]
    assert lines[-1] == f"{len(LINKS)} links, all hold."


def test_whoever_trusts_nobody_is_told(cat: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--bundle", str(cat)]) == 0
    said = capsys.readouterr().out
    assert "whom nobody was asked to trust" in said
    assert "--trust" in said.splitlines()[-1]
    assert main(["verify", "--bundle", str(cat), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["holds"], document["trusted"], document["broken"]) == (True, False, None)


def test_the_first_link_that_does_not_hold_is_named(
    cat: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = unzipped(cat.read_bytes())
    (tmp_path / "cat.zip").write_bytes(bundle.zipped({**files, bundle.CERTIFICATE: b"{}"}))
    assert main(["verify", "--bundle", str(tmp_path / "cat.zip")]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2].startswith("FAILED  files: certificate.json was changed")
    assert lines[-1].startswith("The first link that does not hold is: files. Do not rely on this bundle.")
    assert main(["verify", "--bundle", str(tmp_path / "cat.zip"), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["holds"], document["broken"]) == (False, "files")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--bundle", "{home}/none.zip"], "none.zip cannot be read"),
        (["--bundle", "{home}/registry.sqlite3"], "no zip file"),
        (["--bundle", "{home}/cat.zip", "--trust", "{home}/none.pem"], "none.pem cannot be read"),
        (["--bundle", "{home}/cat.zip", "--trust", "{home}/registry.sqlite3"], "no certificates in PEM"),
        (["--bundle", "{home}/cat.zip", "--concept", "cat"], "leave --concept and --repair out"),
        (["--trust", "{home}/signing/ca.pem"], "are for --bundle"),
        (["--bundle", "{home}/cat.zip", "--json", "--redraw"], "without --redraw"),
    ],
)
def test_what_cannot_be_read_or_done_is_2_with_the_reason(
    home: Path, cat: Path, arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    del cat  # it need only be there
    assert main(["verify", *(each.format(home=home) for each in arguments)]) == 2
    assert reason in capsys.readouterr().err


def test_no_service_no_network_and_no_model_is_needed(cat: Path, authority: str) -> None:
    program = f"""
import sys
sys.modules.update(dict.fromkeys({WITHOUT!r}))
def refuse(event, _arguments):
    if event.startswith("socket."):
        raise AssertionError(event)
sys.addaudithook(refuse)
from sepme.command import main
sys.exit(main(["verify", "--bundle", {str(cat)!r}, "--trust", {authority!r}]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def by_hand(cat: Path, authority: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Do what README.txt says, word for word."""
    with zipfile.ZipFile(cat) as archive:
        archive.extractall(folder)
    shutil.copy(authority, folder / "ca.pem")
    commands = re.findall(r"^```\n(.*?)^```$", (folder / bundle.README).read_text(), re.MULTILINE | re.DOTALL)
    assert len(commands) == 4
    script = "set -e\n" + "".join(commands)
    return subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True, check=False)


def test_it_can_be_checked_by_hand_as_its_readme_says(cat: Path, authority: str, tmp_path: Path) -> None:
    done = by_hand(cat, authority, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Signature Verified Successfully") == 2
    assert "signing-chain.pem: OK" in done.stdout
    assert "audit.json: OK" in done.stdout
    assert "The chain holds up to entry" in done.stdout


def reverse(document: Any) -> None:
    document["entries"][1:3] = reversed(document["entries"][1:3])


def test_what_does_not_hold_is_found_by_hand_too(home: Path, cat: Path, authority: str, tmp_path: Path) -> None:
    files = unzipped(cat.read_bytes())
    forged = Forger(open_identity(settings_in(home))).change(files, bundle.AUDIT, reverse)
    for number, changed in enumerate([{**files, bundle.CERTIFICATE: b"{}"}, forged]):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "cat.zip").write_bytes(bundle.zipped(changed))
        assert by_hand(folder / "cat.zip", authority, folder / "unpacked").returncode == 1
