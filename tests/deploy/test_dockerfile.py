import fnmatch
import json
import re
import tomllib
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
DOCKERFILE = (CHECKOUT / "Dockerfile").read_text()


def copied() -> list[str]:
    """What the build takes from the checkout."""
    lines = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    return [source for line in lines for source in line.split()]


def test_what_it_copies_is_there_and_is_sent_to_the_builder() -> None:
    sent = [line.removeprefix("!") for line in (CHECKOUT / ".dockerignore").read_text().splitlines() if line[0] == "!"]
    for source in copied():
        assert (CHECKOUT / source).exists(), source
        assert any(fnmatch.fnmatch(source, pattern) for pattern in sent), source


def test_it_copies_every_package_that_is_installed() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert set(packages) <= set(copied())
    assert {project["project"]["readme"], *project["project"]["license-files"]} <= set(copied())


def stages() -> dict[str, tuple[str, str]]:
    """By its name: what a stage goes on from, and its lines; in the order of the file."""
    found = re.findall(r"^FROM (\S+) AS (\S+)\n(.*?)(?=^FROM |\Z)", DOCKERFILE, re.MULTILINE | re.DOTALL)
    return {name: (before, lines) for before, name, lines in found}


def lines_of(target: str) -> str:
    """All that makes a target's image, the stages that it goes on from included."""
    before, lines = stages().get(target, ("", ""))
    return lines_of(before) + lines if before else ""


def installing(target: str) -> list[str]:
    """The last command that installs into the environment which the target copies: a later one adds to an earlier."""
    (source,) = re.findall(r"^COPY --from=(\S+) /opt/sepme /opt/sepme$", lines_of(target), re.MULTILINE)
    commands: list[str] = re.findall(r"python (deploy/install.py.*)$", lines_of(source), re.MULTILINE)
    return commands[-1].split()


def test_every_stage_is_named_so_that_it_can_be_asked_for() -> None:
    assert len(stages()) == len(re.findall(r"^FROM ", DOCKERFILE, re.MULTILINE))


def test_the_front_end_is_installed_without_what_only_a_worker_needs() -> None:
    assert installing("front-end") == ["deploy/install.py"]
    assert installing("worker") == ["deploy/install.py", "worker"]


def test_what_is_built_without_a_target_runs_everything() -> None:
    assert list(stages())[-1] == "worker"
    assert command("worker") == ["sepme", "serve"]


def test_the_default_commands_are_ones_that_are_installed() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    assert command("worker")[0] in project["project"]["scripts"]
    assert command("front-end") == ["python", "-m", "app"]
    assert (CHECKOUT / "app" / "__main__.py").exists()


def command(target: str) -> list[str]:
    """What a container of the target starts with."""
    (found,) = re.findall(r"^CMD (\[.+\])$", lines_of(target), re.MULTILINE)
    words: list[str] = json.loads(found)
    return words


@pytest.mark.parametrize("target", ["front-end", "worker"])
def test_nothing_runs_as_root(target: str) -> None:
    assert re.findall(r"^USER (.+)$", lines_of(target), re.MULTILINE)[-1:] == ["sepme"]
