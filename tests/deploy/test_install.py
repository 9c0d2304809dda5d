"""Installing a checkout: a small one with packages of its own, by the real pip into a real environment, offline."""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.install import PER_DEVICE, Wanted, normal, pins, versions

CHECKOUT = Path(__file__).parents[2]
LOCK = (CHECKOUT / "constraints.txt").read_text()
NAMES = ("alpha", "beta", "sepme", "torch")
BACKEND = """
import shutil

def build_wheel(folder, config_settings=None, metadata_directory=None):
    shutil.copy("wheels/sepme-1.0-py3-none-any.whl", folder)
    return "sepme-1.0-py3-none-any.whl"
"""
PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""


def wheel(folder: Path, name: str, version: str, *metadata: str) -> str:
    """Make a wheel with one empty module; returns its hash."""
    described = "".join(
        f"{line}\n" for line in ("Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *metadata)
    )
    entry = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": "",
        f"{entry}/METADATA": described,
        f"{entry}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [f"{file},{record_hash(text)},{len(text)}" for file, text in files.items()]
    files[f"{entry}/RECORD"] = "\n".join([*record, f"{entry}/RECORD,,", ""])
    place = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(place, "w") as packed:
        for file, text in files.items():
            packed.writestr(file, text)
    return hashlib.sha256(place.read_bytes()).hexdigest()


def record_hash(text: str) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout that requires `alpha`, which requires `beta`; its extra `worker` requires torch, built for the CPU."""
    folder = tmp_path / "checkout"
    wheels = folder / "wheels"
    wheels.mkdir(parents=True)
    (folder / "deploy").mkdir()
    shutil.copy(CHECKOUT / "deploy" / "install.py", folder / "deploy")
    (folder / "pyproject.toml").write_text(PROJECT)
    (folder / "backend.py").write_text(BACKEND)
    extra = ("Provides-Extra: worker", 'Requires-Dist: torch; extra == "worker"')
    wheel(wheels, "sepme", "1.0", "Requires-Dist: alpha", *extra)
    hashes = {
        name: wheel(wheels, name, "1.0", *more)
        for name, more in {"alpha": ("Requires-Dist: beta",), "beta": ()}.items()
    }
    wheel(wheels, "beta", "2.0")
    wheel(wheels, "torch", "3.0+cpu")
    lines = [f"{name}==1.0 ; python_version >= '3' \\\n    --hash=sha256:{digest}" for name, digest in hashes.items()]
    (folder / "constraints.txt").write_text("\n".join([*lines, f"torch==3.0 \\\n    --hash=sha256:{64 * '0'}", ""]))
    return folder


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a virtual environment."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run((sys.executable, "-m", "venv", str(folder)), check=True)
    return folder / "bin" / "python"


@pytest.fixture
def python(environment: Path) -> Iterator[Path]:
    """The same, with nothing but pip in it."""
    yield environment
    command = (str(environment), "-m", "pip", "--quiet", "uninstall", "--yes", *NAMES)
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)  # which are not there, it says


def install(python: Path, checkout: Path, *extras: str) -> "subprocess.CompletedProcess[str]":
    """Run the script, with the wheels for all that can be had."""
    found = {"PIP_OPTIONS": f"--no-index --find-links {checkout / 'wheels'}", "PIP_CONFIG_FILE": os.devnull}
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))}
    command = (str(python), str(checkout / "deploy" / "install.py"), *extras)
    return subprocess.run(command, env={**environment, **found}, text=True, capture_output=True, check=False)


def installed(python: Path) -> dict[str, str]:
    """What is installed, by name, but for pip and what came with it."""
    command = (str(python), "-m", "pip", "list", "--format", "freeze")
    listed = subprocess.run(command, text=True, capture_output=True, check=True).stdout.split()
    found = dict(line.split("==") for line in listed)
    return {name: found[name] for name in NAMES if name in found}


def test_what_is_pinned_is_installed_and_then_nothing_more(python: Path, checkout: Path) -> None:
    done = install(python, checkout)
    assert done.returncode == 0, done.stderr
    assert installed(python) == {"alpha": "1.0", "beta": "1.0", "sepme": "1.0"}
    for name in ("alpha", "beta"):
        (checkout / "wheels" / f"{name}-1.0-py3-none-any.whl").unlink()
    assert install(python, checkout).returncode == 0


def test_a_file_that_is_not_the_one_that_was_pinned_is_refused(python: Path, checkout: Path) -> None:
    wheel(checkout / "wheels", "beta", "1.0", "Summary: not what it was")
    done = install(python, checkout)
    assert done.returncode != 0
    assert "DO NOT MATCH THE HASHES" in done.stderr
    assert installed(python) == {}


def test_what_is_pinned_nowhere_is_refused_with_the_remedy(python: Path, checkout: Path) -> None:
    pinned = checkout / "constraints.txt"
    pinned.write_text("\n".join(line for line in pinned.read_text().splitlines()[2:]))
    pinned.write_text(pinned.read_text().replace("beta==1.0", "beta==2.0"))
    done = install(python, checkout)
    assert done.returncode != 0
    assert "alpha 1.0 is not in constraints.txt: `make constraints`" in done.stderr
    assert installed(python) == {}


def test_a_build_of_torch_for_a_device_comes_with_its_own_hash(python: Path, checkout: Path) -> None:
    done = install(python, checkout, "worker")
    assert done.returncode == 0, done.stderr
    assert installed(python)["torch"] == "3.0+cpu"


def test_only_such_a_build_is_let_through() -> None:
    assert Wanted("torch", "3.0+cpu").is_per_device
    assert not Wanted("torch", "3.0").is_per_device
    assert not Wanted("alpha", "1.0+cpu").is_per_device


def test_every_pin_has_hashes_and_the_versions_alone_have_none() -> None:
    names = [line.partition("==")[0] for line in LOCK.splitlines() if not line.startswith(("#", " "))]
    assert len(names) > 100
    assert {name for name, _version in pins(LOCK)} == set(map(normal, names))
    assert [text for text in pins(LOCK).values() if "--hash=sha256:" not in text] == []
    alone = versions(LOCK)
    assert "hash" not in alone
    assert [line.partition("==")[0] for line in alone.splitlines() if not line.startswith("#")] == names
    assert {name for name, _version in pins(LOCK)} >= PER_DEVICE


def test_the_lock_names_no_index_and_no_folder() -> None:
    assert "://" not in LOCK
    assert "--index" not in LOCK
    assert "--find-links" not in LOCK
    assert str(Path.home()) not in LOCK
