"""The compose file: what can be checked of it without an engine, and every start command run outside a container."""

import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
import yaml

from sepme.serve import broker
from sepme_core.provenance.identity import FOLDER
from sepme_core.settings import Settings
from tests.deploy.test_dockerfile import stages
from tests.sepme.processes import running, until
from tests.sepme.service import free_port

CHECKOUT = Path(__file__).parents[2]
COMPOSE = CHECKOUT / "docker-compose.yml"
ROLES = ("api", "worker-erase", "worker-generate", "worker-erase-gpu", "worker-generate-gpu")
OURS = ("first-key", *ROLES)
VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")


def services() -> dict[str, dict[str, Any]]:
    """The services with their variables filled in by the defaults, as compose does it for an empty environment."""
    text = VARIABLE.sub(lambda match: match[2], COMPOSE.read_text())
    found: dict[str, dict[str, Any]] = yaml.safe_load(text)["services"]
    return found


def settings_of(service: dict[str, Any]) -> Settings:
    """What the service's processes read from its environment."""
    names = {name.removeprefix("SEPME_").lower(): value for name, value in service["environment"].items()}
    return Settings.model_validate_strings(names)


def test_a_plain_start_brings_the_parts_that_the_readme_names() -> None:
    started = [name for name, service in services().items() if not service.get("profiles")]
    assert sorted(started) == ["api", "first-key", "postgres", "redis", "worker-erase", "worker-generate"]


def test_the_profile_gpu_adds_both_workers_each_with_a_device() -> None:
    on_gpu = {name: service for name, service in services().items() if service.get("profiles") == ["gpu"]}
    assert set(on_gpu) == {"worker-erase-gpu", "worker-generate-gpu"}
    for service in on_gpu.values():
        (device,) = service["deploy"]["resources"]["reservations"]["devices"]
        assert device["capabilities"] == ["gpu"]
        assert settings_of(service).device == "cuda"


@pytest.mark.parametrize("name", OURS)
def test_every_role_reads_settings_that_are_accepted_and_point_at_the_other_services(name: str) -> None:
    settings = settings_of(services()[name])
    assert settings.broker_url == "redis://redis:6379/0"
    assert "@postgres:5432/" in settings.database_url
    (blobs,) = [volume for volume in services()[name]["volumes"] if volume.startswith("blobs:")]
    assert settings.blob_url == "file://" + blobs.partition(":")[2]


@pytest.mark.parametrize("name", ROLES)
def test_all_roles_sign_as_the_same_for_as_long_as_the_volume_is_there(name: str) -> None:
    (home,) = re.findall(r"SEPME_HOME=(\S+)", (CHECKOUT / "Dockerfile").read_text())
    assert f"signing:{home}/{FOLDER}" in services()[name]["volumes"]


def test_nobody_but_this_machine_reaches_the_port() -> None:
    assert services()["api"]["ports"] == ["127.0.0.1:8000:8000"]
    published = [name for name, service in services().items() if "ports" in service]
    assert published == ["api"]


@pytest.mark.parametrize("name", [name for name in OURS if name.startswith("worker")])
def test_a_worker_gets_longer_to_end_than_it_allows_its_job(name: str) -> None:
    grace = services()[name]["stop_grace_period"]
    assert float(grace.removesuffix("s")) > settings_of(services()[name]).drain_seconds


def test_the_front_end_has_an_image_of_its_own_and_workers_the_whole_one() -> None:
    built = {name: service for name, service in services().items() if "build" in service}
    assert set(built) == set(OURS)
    targets = {name: service["build"].get("target", "worker") for name, service in built.items()}  # the last stage
    assert targets == {name: "front-end" if name in ("api", "first-key") else "worker" for name in OURS}
    assert set(targets.values()) <= set(stages())


def test_an_image_that_is_built_in_two_ways_has_two_names() -> None:
    built = {
        (service["image"], service["build"].get("target")) for service in services().values() if "build" in service
    }
    assert len({image for image, _target in built}) == len(built)


def test_workers_differ_in_their_queue_alone() -> None:
    erase, generate = (services()[name]["command"] for name in ("worker-erase", "worker-generate"))
    assert [word.replace("erase", "generate") for word in erase] == generate


@contextmanager
def redis_server(command: list[str], folder: Path) -> Iterator[int]:
    """The redis service's own command, run with whatever server there is, on a port of its own. Gives the port."""
    port = free_port()
    program, *options = command
    assert program == "redis-server"
    with running(broker.program(), *options, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)):
        with redis.Redis(port=port) as client:
            until(lambda: answers(client))
        yield port


def answers(client: "redis.Redis") -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def outside(service: dict[str, Any], database_url: str, redis_port: int, home: Path, port: int) -> dict[str, str]:
    """The service's environment, its neighbours' names replaced by where they are outside a container."""
    inside = {name: str(value) for name, value in service["environment"].items()}
    replaced = {
        "SEPME_DATABASE_URL": database_url,
        "SEPME_BROKER_URL": inside["SEPME_BROKER_URL"].replace("redis:6379", f"127.0.0.1:{redis_port}"),
        "SEPME_BLOB_URL": (home / "blobs").as_uri(),
        "SEPME_HOME": str(home),
        "SEPME_KEYS_PEPPER": str(home / "keys-pepper"),
        "SEPME_PORT": str(port),
        "SEPME_DEVICE": "cpu",
        "PYTHONPATH": str(CHECKOUT),
    }
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, **inside, **replaced, "PATH": programs}


@pytest.mark.slow
def test_every_start_command_works_outside_a_container_and_together_they_draw(
    tmp_path: Path, postgresql_url: Callable[[str], str], environment_without_settings: None
) -> None:
    del environment_without_settings
    database_url, port = postgresql_url("postgres"), free_port()
    with ExitStack() as stack:
        redis_port = stack.enter_context(redis_server(services()["redis"]["command"], tmp_path))
        first = services()["first-key"]
        command = [word.replace("/var/lib/sepme/keys", str(tmp_path)) for word in first["command"]]
        with running(*command, env=outside(first, database_url, redis_port, tmp_path, port)) as making:
            assert making.wait(timeout=60) == 0
        key = (tmp_path / "admin-key").read_text().strip()
        for name in ROLES:
            service = services()[name]
            environment = outside(service, database_url, redis_port, tmp_path, port)
            stack.enter_context(logged(service["command"], environment, tmp_path / f"{name}.log"))
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120, trust_env=False) as client:
            until(lambda: workers_seen(client) == "2 seen in the last 10 seconds" * 2, seconds=180)
            body = {"prompt": "a cat", "steps": 2, "seed": 7}
            assert client.post("/generate", json=body).status_code == 401
            client.headers["Authorization"] = f"Bearer {key}"
            job = client.post("/generate", json=body, headers={"Prefer": "wait=60"}).json()
            assert job["state"] == "succeeded", job
        healthcheck = [word.replace("8000", str(port)) for word in services()["api"]["healthcheck"]["test"][1:]]
        environment = outside(services()["api"], database_url, redis_port, tmp_path, port)
        with running(*healthcheck, env=environment) as check:
            assert check.wait(timeout=20) == 0


@contextmanager
def logged(command: list[str], environment: dict[str, str], log: Path) -> Iterator[None]:
    """A role's process that must end cleanly when it is asked to."""
    with running("bash", "-c", 'exec "$@" > "$0" 2>&1', str(log), *command, env=environment, cwd=log.parent) as process:
        yield
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) in {0, -signal.SIGTERM}, log.read_text()  # uvicorn ends by the signal it got


def workers_seen(client: httpx.Client) -> str:
    """What /readyz says of both queues' workers, one after the other; empty while nobody answers."""
    try:
        workers = client.get("/readyz").json()["workers"]
    except (httpx.HTTPError, KeyError, ValueError):
        time.sleep(0.2)
        return ""
    return "".join(part["detail"] for part in workers.values())
