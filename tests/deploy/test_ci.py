import os
import re
import stat
import subprocess
import tomllib
from pathlib import Path

import yaml

CHECKOUT = Path(__file__).parents[2]
RUN = CHECKOUT / ".ci" / "run"
WORKFLOW = CHECKOUT / ".github" / "workflows" / "ci.yml"
CLOSING = "===== 3 passed in 0.10s ====="


def run(folder: Path, make: str) -> subprocess.CompletedProcess[str]:
    """The CI's script with these few lines of shell in make's place, on a machine that no package can be had for."""
    for name, script in {"make": make, "apt-get": "exit 100"}.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(stat.S_IRWXU)
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    return subprocess.run([str(RUN)], env=environment, text=True, capture_output=True, check=False)


def test_it_runs_both_suites_and_ends_with_what_pytest_said_of_each(tmp_path: Path) -> None:
    done = run(tmp_path, f'echo "$1" >> {tmp_path}/ran; echo "{CLOSING}"; echo afterwards')
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "ran").read_text().split() == ["test", "check"]
    assert done.stdout.splitlines()[-2:] == [CLOSING, CLOSING]


def test_a_suite_that_fails_fails_it_and_the_other_runs_all_the_same(tmp_path: Path) -> None:
    done = run(tmp_path, f'echo "$1" >> {tmp_path}/ran; echo "= 1 failed in 2s ="; [ "$1" = check ]')
    assert done.returncode == 1
    assert (tmp_path / "ran").read_text().split() == ["test", "check"]


def test_a_suite_that_never_came_to_its_end_is_no_success(tmp_path: Path) -> None:
    done = run(tmp_path, "echo nothing happened")
    assert done.returncode == 1
    assert "did not come to its end" in done.stdout


def commands(job: str) -> list[str]:
    """What a job of the workflow runs."""
    return [step["run"] for step in yaml.safe_load(WORKFLOW.read_text())["jobs"][job]["steps"] if "run" in step]


def test_a_fork_runs_the_tests_on_every_python_from_the_oldest_that_is_supported() -> None:
    pythons = yaml.safe_load(WORKFLOW.read_text())["jobs"]["test"]["strategy"]["matrix"]["python"]
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == f">={pythons[0]}"
    assert pythons == ["3.11", "3.12", "3.13"]
    assert commands("test") == ["make test PYTHON=python"]


def test_a_fork_runs_everything_else_once() -> None:
    assert commands("check") == ["make check PYTHON=python"]


def test_a_fork_is_asked_for_no_right_but_to_read() -> None:
    workflow = yaml.safe_load(WORKFLOW.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    assert [job for job in workflow["jobs"].values() if "permissions" in job] == []
    assert "secrets" not in WORKFLOW.read_text()


def test_actions_are_pinned_by_their_major_version() -> None:
    used = [
        step["uses"]
        for job in yaml.safe_load(WORKFLOW.read_text())["jobs"].values()
        for step in job["steps"]
        if "uses" in step
    ]
    assert used
    assert [action for action in used if not re.fullmatch(r"actions/[a-z-]+@v\d+", action)] == []
