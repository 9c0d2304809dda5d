import os
import stat
import subprocess
from pathlib import Path

RUN = Path(__file__).parents[2] / ".ci" / "run"
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
