import json
import shutil
import socket
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from sepme import __version__
from sepme.command import main
from sepme.serve import state_folder
from sepme_core.registry.database import make_engine, writing
from sepme_core.registry.tables import Concept, Increment
from sepme_core.settings import Settings
from tests.sepme.processes import python, running

IMPORTS = """
import sepme.command, sys
print([name for name in sys.modules if name.split('.')[0] in {'torch', 'app', 'worker'}])
"""


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert capsys.readouterr().out == f"sepme {__version__}\n"


def test_a_port_that_is_taken_is_refused_with_another_to_try(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEPME_HOME", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", "--port", str(port)]) == 2
    refusal = capsys.readouterr().err
    assert f"Port {port} on 127.0.0.1 cannot be had" in refusal
    assert f"--port {port + 1}" in refusal


def test_a_state_folder_that_is_in_use_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with state_folder.held(tmp_path):
        assert main(["serve", "--home", str(tmp_path)]) == 2
    assert f"sepme already serves from {tmp_path}" in capsys.readouterr().err


def test_a_state_folder_that_cannot_be_made_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["serve", "--home", str(tmp_path / "file")]) == 2
    assert "SEPME_HOME" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("SEPME_PORT", "seventy", "integer"),
        ("SEPME_BROKER_URL", "sqla+sqlite:///queue.db", "loses messages"),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name_and_reason(
    variable: str, value: str, reason: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(variable, value)
    assert main(["serve"]) == 2
    refusal = capsys.readouterr().err
    assert f"  {variable}: " in refusal
    assert reason in refusal


def test_the_command_starts_the_other_rooms_without_importing_them() -> None:
    with running(*python(IMPORTS)) as process:
        assert process.stdout is not None
        assert process.stdout.read() == "[]\n"
        assert process.wait(timeout=30) == 0


@pytest.fixture
def home(tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder whose registry names an increment that is not there."""
    shutil.copy(sqlite_template, tmp_path / "registry.sqlite3")
    monkeypatch.setenv("SEPME_HOME", str(tmp_path))
    digest = "sha256:" + 64 * "0"
    engine = make_engine(Settings().database_url)
    with writing(engine) as session:
        session.add(Concept(name="cat", kind="object", prompts=["cat"], protect=[], state="erased", version=1, tag="1"))
        session.flush()
        version = Increment(certificate={}, settings={}, request={}, pinned={})
        version.concept, version.version, version.reason, version.job_id = "cat", 1, "erased", "1"
        version.digest, version.base_digest, version.bytes = digest, digest, 1
        session.add(version)
    engine.dispose()
    return tmp_path


def test_what_does_not_hold_is_1(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    del home
    assert main(["verify", "--concept", "cat", "--json"]) == 1
    document = json.loads(capfd.readouterr().out)
    assert document["holds"] is False
    assert document["checks"][0]["name"] == "file of version 1"


def test_what_was_to_be_erased_is_looked_for_and_reports_are_written(
    home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    del home
    report, summary = tmp_path / "report.xml", tmp_path / "summary.md"
    summary.write_text("# Another step's\n")
    assert main(["verify", "--expect", "cat,dog", f"--junit={report}", f"--summary={summary}"]) == 1
    assert "FAILED  dog: state: it was to be erased, and is never erased" in capfd.readouterr().out
    suites = {each.attrib["name"]: each for each in ET.parse(report).getroot()}
    assert set(suites) == {"registry", "cat", "dog"}
    assert [case.attrib["name"] for case in suites["dog"]] == ["state"]
    assert len(list(suites["cat"].iter("failure"))) == 2
    said = summary.read_text()
    assert said.startswith("# Another step's\n## ❌ ")
    assert "| dog |" in said


def test_what_cannot_be_told_is_2(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--concept", "dog"]) == 2
    assert "'dog'" in capfd.readouterr().err
    (home / "registry.sqlite3").unlink()
    report = home / "report.xml"
    assert main(["verify", f"--junit={report}"]) == 2
    assert "there is no registry" in capfd.readouterr().err
    assert len(list(ET.parse(report).iter("error"))) == 1


def test_a_registry_that_holds_nothing_is_0(
    tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(sqlite_template, tmp_path / "registry.sqlite3")
    monkeypatch.setenv("SEPME_HOME", str(tmp_path))
    assert main(["verify"]) == 0
    (audit, total) = capfd.readouterr().out.splitlines()
    assert audit.startswith("ok      registry: audit: 0 entries")
    assert total == "1 checks, all hold."
