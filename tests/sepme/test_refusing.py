"""`sepme serve` that cannot serve as it is set up ends, and its last line says why."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sepme_core.demo import MODEL_FOLDER
from tests.sepme.processes import processes_in
from tests.sepme.service import CHECKOUT, START_SECONDS, free_port


def refused(home: Path, **settings: str) -> str:
    """The last line of a service that must end with exit status 2, nothing of it left behind."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SEPME_")}
    places = {"PYTHONPATH": str(CHECKOUT), "SEPME_HOME": str(home), "SEPME_PORT": str(free_port())}
    done = subprocess.run(
        (sys.executable, "-m", "sepme.command", "serve"),
        env={**inherited, **places, "SEPME_ERASE_WORKERS": "1", **settings},
        cwd="/",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )
    assert done.returncode == 2, done.stdout
    assert processes_in(home) == []
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("model", ["/no/such/model", "~/no/such/model", "./modle"])
def test_a_mistyped_path_is_refused_before_anything_is_started(tmp_path: Path, model: str) -> None:
    said = refused(tmp_path / "home", SEPME_MODEL=model)
    assert said.startswith("sepme: SEPME_MODEL=")
    assert f"There is nothing at {model.replace('~', str(Path.home()))}" in said
    assert not (tmp_path / "home").exists()


def single_file(folder: Path) -> str:
    (folder / "model.safetensors").touch()
    return "model.safetensors"


def pickled(folder: Path) -> str:
    weights = Path(shutil.copytree(MODEL_FOLDER, folder / "model")) / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    return "model"


def half_precision_alone(folder: Path) -> str:
    weights = Path(shutil.copytree(MODEL_FOLDER, folder / "model")) / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".fp16.safetensors"))
    return "model"


@pytest.mark.parametrize(
    ("lay", "told"),
    [
        (single_file, ".from_single_file("),
        (pickled, ".from_pretrained("),
        (half_precision_alone, "set SEPME_MODEL_VARIANT=fp16"),
    ],
)
def test_weights_that_are_not_taken_are_refused_with_what_to_do_before_anything_is_started(
    tmp_path: Path, lay: Callable[[Path], str], told: str
) -> None:
    said = refused(tmp_path / "home", SEPME_MODEL=str(tmp_path / lay(tmp_path)))
    assert said.startswith("sepme: SEPME_MODEL=")
    assert told in said
    assert not (tmp_path / "home").exists()


@pytest.mark.slow
def test_a_hub_id_that_cannot_be_fetched(tmp_path: Path) -> None:
    said = refused(tmp_path / "home", SEPME_MODEL="nobody/no-such-model", HF_HUB_OFFLINE="1")
    assert "cannot start with SEPME_MODEL=nobody/no-such-model" in said
    assert "fetched from the hub" in said


def test_what_only_a_worker_can_tell_ends_the_service_too(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(MODEL_FOLDER, tmp_path / "model"))
    configuration = folder / "unet" / "config.json"
    configuration.write_text(json.dumps({**json.loads(configuration.read_text()), "time_cond_proj_dim": 8}))
    said = refused(tmp_path / "home", SEPME_MODEL=str(folder))
    assert said.startswith("sepme: The worker for ")
    assert f"SEPME_MODEL={folder}" in said
    assert "unet lack 1 tensors" in said


@pytest.mark.parametrize("home", ["/proc/sepme", "/sys/sepme", "/dev/null/sepme"])
def test_a_state_folder_that_cannot_be_made(home: str) -> None:
    said = refused(Path(home))
    assert said.startswith(f"sepme: The state folder {home} cannot be used")
    assert "SEPME_HOME" in said


def test_a_host_that_nobody_knows(tmp_path: Path) -> None:
    unknown = {"SEPME_HOST": "no-such-host.invalid"}
    assert "no-such-host.invalid is no address" in refused(tmp_path / "home", **unknown)
