import os
import shutil
import stat
import subprocess
import time
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]


def make(folder: Path, *arguments: str) -> str:
    """Run make in a folder; gives what it said."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SEPME_", "MAKE"))}
    done = subprocess.run(["make", *arguments], cwd=folder, env=environment, text=True, capture_output=True, check=True)
    return done.stdout


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose virtual environment is there, but for a pip that only notes what it was asked for."""
    shutil.copy(CHECKOUT / "Makefile", tmp_path)
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_text("")
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name, script in {"python": 'echo "$@" >> asked', "sepme": 'echo "serving from $SEPME_HOME"'}.items():
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(stat.S_IRWXU)
    return tmp_path


def test_serve_sets_up_once_and_keeps_its_state_in_the_checkout(checkout: Path) -> None:
    first = make(checkout, "serve")
    assert "Setting up .venv" in first
    assert f"serving from {checkout}/.state" in first
    assert make(checkout, "serve") == f"serving from {checkout}/.state\n"
    assert (checkout / "asked").read_text() == "deploy/install.py --editable worker\n"


def test_a_change_of_what_is_required_sets_up_again(checkout: Path) -> None:
    make(checkout, "serve")
    later = time.time() + 5
    os.utime(checkout / "constraints.txt", (later, later))
    assert "Setting up" in make(checkout, "serve")


def test_test_leaves_the_slow_ones_to_check(checkout: Path) -> None:
    make(checkout, "test")
    assert (checkout / "asked").read_text().splitlines()[-1] == "-m pytest -n 2 --dist loadfile -m not slow"
    assert "pytest -m slow" in make(checkout, "--dry-run", "check")


def test_tests_do_not_see_the_state_folder_of_serve(checkout: Path) -> None:
    (checkout / ".venv" / "bin" / "python").write_text('#!/bin/sh\necho "home: $SEPME_HOME"\n')
    assert "home: \n" in make(checkout, "test")


def test_lint_asks_for_style_types_and_the_doors_between_the_rooms(checkout: Path) -> None:
    planned = make(checkout, "--dry-run", "lint")
    for tool in ("ruff format --check", "ruff check", "lint-imports", "mypy"):
        assert f".venv/bin/{tool}" in planned


def test_check_builds_the_documentation(checkout: Path) -> None:
    make(checkout, "docs")
    asked = (checkout / "asked").read_text().splitlines()
    assert asked[-2:] == ["deploy/install.py --editable docs", "-m mkdocs --quiet build --strict --clean"]
    assert "-m mkdocs --quiet build" in make(checkout, "--dry-run", "check")


def test_options_reach_pip(checkout: Path) -> None:
    (checkout / ".venv" / "bin" / "python").write_text('#!/bin/sh\necho "$@ with $PIP_OPTIONS"\n')
    said = make(checkout, "serve", "PIP_OPTIONS=--extra-index-url https://example.org/cpu")
    assert "install.py --editable worker with --extra-index-url https://example.org/cpu\n" in said


def test_explore_runs_the_tests_of_properties_on_examples_of_the_day(checkout: Path) -> None:
    (checkout / "tests").mkdir()
    (checkout / "tests" / "test_property.py").write_text("from hypothesis import given\n")
    (checkout / "tests" / "test_example.py").write_text("import pytest\n")
    make(checkout, "explore")
    last = (checkout / "asked").read_text().splitlines()[-1]
    assert last == "-m pytest --hypothesis-profile=explore tests/test_property.py"


def test_constraints_hold_on_every_platform_and_name_no_index(checkout: Path) -> None:
    uv = checkout / ".venv" / "bin" / "uv"
    uv.write_text('#!/bin/sh\necho "$@" > resolved\n')
    uv.chmod(stat.S_IRWXU)
    make(checkout, "constraints", "UV_OPTIONS=--upgrade")
    asked = (checkout / "resolved").read_text().split()
    assert asked[:3] == ["pip", "compile", "pyproject.toml"]
    assert {"--universal", "--all-extras", "--generate-hashes", "--no-emit-index-url", "--upgrade"} <= set(asked)
    assert asked[-1] == "constraints.txt"


def test_a_release_is_made_of_the_version_that_is_named(checkout: Path) -> None:
    make(checkout, "release", "VERSION=1.2.3")
    assert (checkout / "asked").read_text().splitlines()[-1] == "deploy/release.py 1.2.3"
