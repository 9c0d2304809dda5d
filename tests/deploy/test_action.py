"""action.yml: its own lines, word for word, as far as a shell can run them; and the workflow that docs/ci.md shows."""

import re
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from sepme_core.provenance import pixels
from sepme_core.registry import concepts
from sepme_core.registry.database import make_engine, writing
from sepme_core.settings import Settings
from tests.deploy.composite import Run, read, run_action
from tests.documents import CHECKOUT, blocks
from tests.sepme.service import free_port, serving

ACTION = read(CHECKOUT / "action.yml")
STEPS = ACTION["runs"]["steps"]
INSTALL, SERVE, VERIFY, STOP = "Install sepme from the action's own checkout", "Serve", "Verify", "Stop"


@pytest.fixture
def runner(tmp_path: Path, environment_without_settings: None) -> Mapping[str, str]:
    """A runner whose Python makes environments that hold this checkout, and installs nothing."""
    del environment_without_settings
    tools, temporary = tmp_path / "tools", tmp_path / "runner"
    tools.mkdir()
    temporary.mkdir()
    program(tools / "python", PYTHON.format(python=sys.executable, installed=tmp_path / "installed"))
    return {
        "PATH": f"{tools}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "PYTHONPATH": str(CHECKOUT),
        "RUNNER_TEMP": str(temporary),
    }


PYTHON = """\
if [ "$1 $2" = "-m venv" ]; then
    mkdir -p "$3/bin"
    cp "$0" "$3/bin/python"
    printf '#!/bin/sh\\nexec "{python}" -m sepme.command "$@"\\n' > "$3/bin/sepme"
    chmod +x "$3/bin/sepme"
elif [ "${{1##*/}}" = install.py ]; then
    [ -f "$1" ] && shift && echo "$PIP_OPTIONS / $*" > "{installed}"
else
    exec "{python}" "$@"
fi
"""


def program(file: Path, script: str) -> None:
    file.write_text(f"#!/bin/sh\n{script}")
    file.chmod(0o755)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


def test_no_input_stands_in_a_line_of_shell() -> None:
    assert [step["name"] for step in STEPS if "${{" in step.get("run", "")] == []
    assert [step["name"] for step in STEPS if "run" in step and step["shell"] != "bash"] == []


def test_it_is_composite_and_uses_actions_by_their_major_version() -> None:
    assert ACTION["runs"]["using"] == "composite"
    assert [step["uses"] for step in STEPS if "uses" in step] == ["actions/setup-python@v5"]
    assert set(ACTION) == {"name", "description", "author", "branding", "inputs", "outputs", "runs"}
    assert all(set(said) == {"description", "default"} for said in ACTION["inputs"].values())
    allowed = {"name", "id", "if", "shell", "env", "run", "uses", "with"}
    assert [step for step in STEPS if not set(step) <= allowed] == []


def test_every_input_is_used_and_everything_used_is_declared() -> None:
    text = (CHECKOUT / "action.yml").read_text()
    assert set(re.findall(r"inputs\.([\w-]+)", text)) == set(ACTION["inputs"])
    assert set(re.findall(r"steps\.([\w-]+)\.", text)) <= {step["id"] for step in STEPS if "id" in step}


def test_the_key_is_known_to_one_step_alone_and_stands_on_no_command_line() -> None:
    (keyed,) = [step for step in STEPS if "inputs.key" in str(step)]
    assert keyed["env"]["SEPME_KEY"] == "${{ inputs.key }}"
    assert "SEPME_KEY" not in keyed["run"]


@pytest.mark.parametrize(
    ("inputs", "installed"),
    [({}, "worker"), ({"url": "http://a"}, "worker"), ({"url": "http://a", "look": "false"}, "")],
    ids=["served", "looked-at", "asked-alone"],
)
def test_torch_is_installed_where_something_needs_it(
    runner: Mapping[str, str], workspace: Path, inputs: dict[str, str], installed: str
) -> None:
    done = run_action(CHECKOUT, workspace, {**inputs, "pip-options": "--index a"}, runner, INSTALL)
    assert not done.failed, done.printed
    assert Path(runner["HOME"], "installed").read_text() == f"--index a / {installed}\n"


def test_what_inputs_hold_is_never_run_and_a_service_that_is_not_there_is_3(
    runner: Mapping[str, str], workspace: Path
) -> None:
    inputs = {
        "url": f"http://127.0.0.1:{free_port()}",
        "key": "sepme_secret-key",
        "expect": '$(touch a)`touch b`"; touch c; "\nvan gogh',
        "junit": "$(touch d) report.xml",
        "look": "false",
    }
    done = run_action(CHECKOUT, workspace, inputs, runner, INSTALL, VERIFY)
    assert (done.statuses[VERIFY], done.outputs["status"]) == (3, "3")
    assert [file.name for file in workspace.iterdir()] == ["$(touch d) report.xml"]
    assert done.outputs["junit"] == "$(touch d) report.xml"
    (error,) = ET.parse(workspace / "$(touch d) report.xml").iter("error")
    assert "Nobody answers" in error.attrib["message"]
    assert "cannot be told" in done.summary
    assert "sepme_secret-key" not in f"{done.printed}{done.summary}{error.attrib}"


def test_a_service_that_does_not_get_ready_ends_it_with_its_own_words(
    runner: Mapping[str, str], workspace: Path
) -> None:
    done = run_action(CHECKOUT, workspace, {"model": "/nowhere", "ready-seconds": "60"}, runner)
    assert done.statuses[SERVE] == 3
    assert VERIFY not in done.statuses
    assert done.statuses[STOP] == 0
    assert "/nowhere" in done.printed[SERVE]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state folder of a service that erased a cat and a style."""
    folder = tmp_path_factory.mktemp("home")
    with serving(folder) as service:
        for name, kind in (("cat", "object"), ("sepia", "style")):
            job = service.post(f"/concepts/{name}/erase", {"kind": kind}, wait=120)
            assert service.ended(job["id"])["state"] == "succeeded"
    return folder


@pytest.fixture
def restored(home: Path) -> Iterator[str]:
    """The address of the same service, where somebody restored the style."""
    engine = make_engine(Settings(home=home).database_url)
    with writing(engine) as session:
        concepts.restore(session, "sepia", "somebody")
    engine.dispose()
    with serving(home) as service:
        yield service.address


def cases(file: Path) -> dict[str, set[str]]:
    """The names of the checks, by the suites of a JUnit file."""
    suites = ET.parse(file).getroot()
    return {suite.attrib["name"]: {case.attrib["name"] for case in suite} for suite in suites}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_where_all_is_erased_it_passes_with_reports_and_pictures(
    home: Path, runner: Mapping[str, str], workspace: Path
) -> None:
    trust = str(home / "signing" / "ca.pem")
    inputs = {"home": str(home), "expect": "cat\nsepia\n", "trust": trust, "junit": "report.xml", "pictures": "seen"}
    done = run_action(CHECKOUT, workspace, inputs, runner)
    assert not done.failed, done.printed
    assert list(done.statuses) == [INSTALL, SERVE, VERIFY, STOP]
    assert {name: done.outputs[name] for name in ("status", "junit", "pictures")} == {
        "status": "0",
        "junit": "report.xml",
        "pictures": "seen",
    }
    wanted = {"state", "bundle", "evidence drawn again", "mask", "new pictures looked at"}
    assert cases(workspace / "report.xml") == {"cat": wanted, "sepia": wanted}
    assert "What is erased is erased" in done.summary
    assert_pictures(done, workspace, "cat", "sepia")
    assert_nothing_runs_in(home)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_where_something_was_restored_that_was_to_be_erased_it_fails_and_names_it(
    restored: str, runner: Mapping[str, str], workspace: Path
) -> None:
    (workspace / "erased.txt").write_text("cat\nsepia  # notice 2026-0117\n")
    done = run_action(CHECKOUT, workspace, {"url": restored, "expect-file": "erased.txt", "look": "false"}, runner)
    assert done.statuses == {INSTALL: 0, VERIFY: 1}
    assert done.outputs["status"] == "1"
    (failure,) = ET.parse(workspace / "sepme-junit.xml").iter("failure")
    assert failure.attrib["message"].startswith("it was to be erased, and is restored")
    assert "sepme erase sepia" in str(failure.text)
    assert "| sepia | ❌" in done.summary
    assert "| cat | ✅" in done.summary
    assert_pictures(done, workspace, "cat")


def assert_pictures(done: Run, workspace: Path, *names: str) -> None:
    """The summary names them, and they are there."""
    files = re.findall(r"`([^`]+\.png)`", done.summary)
    for name in names:
        own = [file for file in files if f"/{name}/" in file]
        assert len(own) == 3 + 8, own
        assert {pixels.read((workspace / file).read_bytes()).width for file in own} == {64}


def assert_nothing_runs_in(home: Path) -> None:
    left = [each for each in psutil.process_iter(["cwd", "status"]) if each.info["cwd"] == str(home.resolve())]
    assert [each for each in left if each.info["status"] != psutil.STATUS_ZOMBIE] == []


def workflow() -> Any:
    (text,) = [block for block in blocks("docs/ci.md", "yaml") if "jobs:" in block]
    return yaml.safe_load(text)


def test_the_example_workflow_says_to_the_action_what_it_takes() -> None:
    (job,) = workflow()["jobs"].values()
    (used,) = [step for step in job["steps"] if "sepme" in step.get("uses", "")]
    assert set(used["with"]) <= set(ACTION["inputs"])
    named = set(re.findall(rf"steps\.{used['id']}\.outputs\.([\w-]+)", str(job)))
    assert named
    assert named <= set(ACTION["outputs"])
    assert used["with"]["key"] == "${{ secrets.SEPME_KEY }}"


def test_the_example_workflow_uploads_whatever_came_of_it_and_asks_for_no_right_but_to_read() -> None:
    assert workflow()["permissions"] == {"contents": "read"}
    (job,) = workflow()["jobs"].values()
    (upload,) = [step for step in job["steps"] if "upload-artifact" in step.get("uses", "")]
    assert upload["if"] == "always()"
    assert [step for step in job["steps"] if "${{" in step.get("run", "")] == []


def test_the_page_names_every_input_and_output() -> None:
    page = (CHECKOUT / "docs/ci.md").read_text(encoding="utf-8")
    assert [name for name in (*ACTION["inputs"], *ACTION["outputs"]) if f"`{name}`" not in page] == []
