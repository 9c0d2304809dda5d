import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]


def start(queue: str, home: Path, **settings: str) -> str:
    """Start a worker that is to refuse; gives its last line."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SEPME_")}
    environment = {**inherited, "PYTHONPATH": str(CHECKOUT), "SEPME_HOME": str(home), **settings}
    command = (sys.executable, "-m", "celery", "-A", "worker.application", "worker", "--pool", "threads", "-Q", queue)
    done = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == os.EX_CONFIG, done.stderr
    return done.stderr.splitlines()[-1]


def test_a_worker_without_a_broker_says_what_to_set(tmp_path: Path) -> None:
    assert "SEPME_BROKER_URL is not set" in start("erase", tmp_path)


def test_a_worker_for_several_queues_is_refused(tmp_path: Path) -> None:
    said = start("erase,generate", tmp_path, SEPME_BROKER_URL=f"redis+socket://{tmp_path}/nobody.sock")
    assert "A worker serves one queue. Start it with -Q erase or -Q generate" in said


def test_a_model_that_cannot_be_loaded_ends_the_worker_and_is_named(tmp_path: Path) -> None:
    (tmp_path / "no-model").mkdir()
    broker = f"redis+socket://{tmp_path}/nobody.sock"
    said = start("erase", tmp_path, SEPME_BROKER_URL=broker, SEPME_MODEL=str(tmp_path / "no-model"))
    assert f"The worker for erase cannot start with SEPME_MODEL={tmp_path}/no-model" in said


def test_a_setting_that_cannot_work_ends_the_worker_and_is_named(tmp_path: Path) -> None:
    assert "SEPME_LEASE_SECONDS" in start("erase", tmp_path, SEPME_LEASE_SECONDS="0")


@pytest.mark.slow
def test_a_classifier_that_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    broker = f"redis+socket://{tmp_path}/nobody.sock"
    said = start("erase", tmp_path, SEPME_BROKER_URL=broker, SEPME_CLASSIFIER=str(tmp_path))
    assert f"The classifier in {tmp_path} cannot be loaded" in said
