"""The front end's own installation: its processes, with the packages that pyproject.toml asks for without an extra."""

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

import httpx
import pytest
from packaging.requirements import Requirement

from tests.sepme.processes import running, until
from tests.sepme.service import free_port

CHECKOUT = Path(__file__).parents[2]
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
EVERYTHING = """
import importlib, pkgutil
import app, sepme, sepme_core.registry
for package in (app, sepme, sepme_core.registry):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith(("__main__", ".env")) and ".versions." not in module.name:
            importlib.import_module(module.name)
import sepme_core.increments.format, sepme_core.increments.lora, sepme_core.models.files, sepme_core.options
"""


def closure(asked: list[Requirement]) -> Iterator[Distribution]:
    """What an installer brings for these requirements, out of what is installed here."""
    seen: set[tuple[str, frozenset[str]]] = set()
    while asked:
        requirement = asked.pop()
        wanted = (requirement.name.lower(), frozenset(requirement.extras))
        if wanted in seen:
            continue
        seen.add(wanted)
        found = distribution(requirement.name)
        yield found
        for each in map(Requirement, found.requires or []):
            extras = requirement.extras or {""}
            if each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in extras):
                asked.append(each)


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with links to just these packages."""
    folder = tmp_path_factory.mktemp("packages")
    for found in closure([Requirement(each) for each in PROJECT["dependencies"]]):
        for name in {file.parts[0] for file in found.files or []} - {"..", "__pycache__"}:
            if not (folder / name).exists():
                (folder / name).symlink_to(Path(str(found.locate_file(name))))
    return folder


@pytest.fixture
def environment(packages: Path, tmp_path: Path) -> dict[str, str]:
    """Python finds these packages and the checkout, and `-S` keeps it from finding others."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SEPME_")}
    return {**inherited, "PYTHONPATH": f"{packages}:{CHECKOUT}", "SEPME_HOME": str(tmp_path / "home")}


def python(environment: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run Python in the front end's installation."""
    command = (sys.executable, "-S", *arguments)
    return subprocess.run(command, env=environment, text=True, capture_output=True, check=False, timeout=60)


def test_all_of_it_can_be_imported(environment: dict[str, str]) -> None:
    done = python(environment, "-c", EVERYTHING)
    assert done.returncode == 0, done.stderr


def test_it_answers_without_what_only_a_worker_needs(environment: dict[str, str], packages: Path) -> None:
    assert not (packages / "torch").exists()
    port = free_port()
    with (
        running(sys.executable, "-S", "-m", "app", env={**environment, "SEPME_PORT": str(port)}),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20, trust_env=False) as client,
    ):
        until(lambda: alive(client), seconds=60)
        assert client.get("/readyz").json()["database"]["status"] == "up"
        assert client.get("/docs").status_code == 200


def alive(client: httpx.Client) -> bool:
    try:
        return client.get("/livez").is_success
    except httpx.HTTPError:
        return False


@pytest.mark.parametrize("command", ["serve", "verify"])
def test_what_needs_a_worker_names_the_extra_before_anything_is_started(
    environment: dict[str, str], command: str
) -> None:
    done = python(environment, "-m", "sepme.command", command)
    assert done.returncode == 2
    (said,) = done.stderr.splitlines()
    assert said.startswith("sepme: torch, ")
    assert said.endswith("pip install 'sepme[worker]'")
    assert not Path(environment["SEPME_HOME"]).exists()


def test_the_doctor_says_that_it_is_missing_and_looks_at_the_rest(environment: dict[str, str]) -> None:
    done = python(environment, "-m", "sepme.command", "doctor", "--json")
    found = {each["name"]: each["state"] for each in json.loads(done.stdout)["findings"]}
    assert (found["worker"], found["database"], found["broker"], found["model"]) == ("warning", "ok", "ok", "ok")
    assert "torch" not in found
    assert done.returncode == 0, done.stdout
    assert not Path(environment["SEPME_HOME"]).exists()


def test_so_does_a_worker_that_is_started_by_itself(environment: dict[str, str]) -> None:
    done = python(environment, "-m", "celery", "-A", "worker.application", "worker", "-Q", "erase")
    assert done.returncode == os.EX_CONFIG
    assert done.stderr.splitlines()[-1].endswith("pip install 'sepme[worker]'")


def test_the_extras_that_run_a_worker_bring_what_it_needs() -> None:
    optional = PROJECT["optional-dependencies"]
    assert {re.split(r"\W", each)[0] for each in optional["worker"]} >= {"torch", "diffusers", "transformers"}
    for extra in ("test", "train"):
        assert "sepme[worker]" in optional[extra]
