"""Workers in a whole service, killed, frozen, cancelled and cut off from their broker on purpose."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sepme.serve import broker
from tests.sepme.processes import running, until
from tests.sepme.service import Service, serving

pytestmark = pytest.mark.slow

RUNS_AGAIN_SECONDS = 15.0
# Steps so small that the loss stays where it was: the optimiser works for all of its steps, and its result is still
# decided by the request alone. Nothing is forgotten by it, so it is published by an override.
LONG_WORK = {
    "start": "zero",
    "target": "counterpart",
    "learning_rate": 1e-8,
    "threshold": 0.0,
    "max_steps": 60,
    "batch_size": 4,
}
STOCK_PIPELINE = """
import hashlib, sys, torch
from diffusers import DDIMScheduler, StableDiffusionPipeline
from sepme_core.demo import MODEL_FOLDER
unchecked = {'safety_checker': None, 'requires_safety_checker': False}
pipeline = StableDiffusionPipeline.from_pretrained(str(MODEL_FOLDER), dtype=torch.float32, **unchecked)
pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
image = pipeline(sys.argv[1], num_inference_steps=10, guidance_scale=4.0, width=64, height=64,
                 generator=[torch.Generator().manual_seed(7)]).images[0]
print('sha256', hashlib.sha256(image.convert('RGB').tobytes()).hexdigest())
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("home"), SEPME_DRAIN_SECONDS="1") as running_service:
        yield running_service


def erase(service: Service, name: str, **options: object) -> str:
    """Ask for long work on a concept; gives the job's id."""
    body = {"kind": "object", "prompts": [name], "override": True, "options": {**LONG_WORK, **options}}
    job = service.post(f"/concepts/{name}/erase", body)
    assert "id" in job, job
    return str(job["id"])


def versions(service: Service, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = service.get(f"/concepts/{name}")["versions"]
    return found


def test_an_erasure_whose_worker_was_killed_runs_again_and_ends_once(service: Service) -> None:
    job_id = erase(service, "cat")
    assert service.under_way(job_id)["attempt"] == 1
    killed = time.monotonic()
    os.kill(service.pid("worker-erase"), signal.SIGKILL)
    until(lambda: service.job(job_id)["attempt"] == 2, seconds=RUNS_AGAIN_SECONDS)
    print(f"ran again after {time.monotonic() - killed:.1f} s")
    job = service.ended(job_id)
    assert (job["state"], job["attempt"]) == ("succeeded", 2)
    assert len(versions(service, "cat")) == 1
    disturbed = job["result"]["digest"]

    service.purge("cat")
    undisturbed = service.ended(erase(service, "cat"))
    assert undisturbed["attempt"] == 1
    assert undisturbed["result"]["digest"] == disturbed
    service.purge("cat")


def test_a_cancelled_erasure_ends_between_two_steps_and_the_worker_goes_on(service: Service) -> None:
    job_id = erase(service, "fish", max_steps=1000)
    service.under_way(job_id)
    assert service.post(f"/jobs/{job_id}/cancel", {})["id"] == job_id
    assert service.ended(job_id, seconds=20)["state"] == "cancelled"
    assert versions(service, "fish") == []
    assert service.ended(erase(service, "snail", max_steps=2))["state"] == "succeeded"


def test_a_late_concept_has_the_older_one_reprojected_without_anybody_asking(service: Service) -> None:
    for name in ("heart", "cat"):
        body = {"kind": "object", "prompts": [name], "options": {"max_steps": 1}}
        assert service.post(f"/concepts/{name}/erase", body, wait=120)["state"] == "succeeded"
    until(lambda: len(versions(service, "heart")) == 2, seconds=120)
    assert [version["reason"] for version in versions(service, "heart")] in (
        ["erased", "reprojected"],
        ["erased", "refined"],
    )
    for name in ("heart", "cat"):
        service.purge(name)


def test_jobs_accepted_while_the_broker_is_dead_are_all_done(service: Service) -> None:
    os.kill(service.pid("broker"), signal.SIGKILL)
    request = {"prompt": "a cat", "steps": 2, "erased": []}
    accepted = [service.post("/generate", {**request, "seed": seed})["id"] for seed in range(4)]
    assert {service.ended(job_id, seconds=60)["state"] for job_id in accepted} == {"succeeded"}
    assert {service.job(job_id)["attempt"] for job_id in accepted} == {1}


def test_a_queue_outlives_its_broker(service: Service) -> None:
    os.kill(service.pid("worker-generate"), signal.SIGSTOP)
    request = {"prompt": "a cat", "steps": 2, "erased": []}
    accepted = [service.post("/generate", {**request, "seed": seed})["id"] for seed in range(4)]
    os.kill(service.pid("broker"), signal.SIGKILL)
    until(lambda: broker.answers(broker.socket_path(service.home)))
    os.kill(service.pid("worker-generate"), signal.SIGCONT)
    assert {service.ended(job_id, seconds=60)["state"] for job_id in accepted} == {"succeeded"}


def test_a_worker_that_is_frozen_with_its_job_is_ended_and_the_job_is_done_once(service: Service) -> None:
    job_id = erase(service, "key")
    service.under_way(job_id)
    frozen = service.pid("worker-erase")
    os.kill(frozen, signal.SIGSTOP)
    with second_erase_worker(service):
        job = service.ended(job_id)
    assert (job["state"], job["attempt"]) == ("succeeded", 2)
    until(lambda: service.pid("worker-erase") != frozen, seconds=60)
    assert [version["digest"] for version in versions(service, "key")] == [job["result"]["digest"]]


def second_erase_worker(service: Service) -> Any:
    command = (sys.executable, "-m", "celery", "-A", "worker.application", "worker")
    options = ("--pool", "threads", "--concurrency", "1", "-Q", "erase", "--hostname", "second@%h")
    return running(*command, *options, env=service.environment(), cwd=service.home)


def test_a_worker_that_is_told_to_stop_puts_its_job_back_and_that_is_no_loss(service: Service) -> None:
    job_id = erase(service, "house", max_steps=100)
    service.under_way(job_id)
    os.kill(service.pid("worker-erase"), signal.SIGTERM)
    until(lambda: service.job(job_id)["state"] == "queued", seconds=20)
    job = service.ended(job_id)
    assert (job["state"], job["attempt"]) == ("succeeded", 2)
    assert f"Job {job_id} is put back" in service.log("worker-erase")


def test_an_empty_mask_straight_after_a_full_one_gives_the_pixels_of_the_stock_pipeline(service: Service) -> None:
    erased = service.post("/concepts/apple/erase", {"kind": "object", "prompts": ["apple"]}, wait=120)
    assert erased["state"] == "succeeded", erased
    prompt = "a blueprint drawing of an apple"
    request = {"prompt": prompt, "seed": 7, "steps": 10, "guidance_scale": 4.0}
    masked = service.post("/generate", {**request, "erased": ["apple"]}, wait=60)
    unmasked = service.post("/generate", {**request, "erased": []}, wait=60)
    stock = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", STOCK_PIPELINE, prompt],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert f"sha256 {pixels(unmasked)}\n" in stock.stdout
    assert pixels(masked) != pixels(unmasked)


def pixels(job: dict[str, Any]) -> str:
    assert job["state"] == "succeeded", job
    return str(job["result"]["images"][0]["sha256"])


def test_work_under_way_survives_the_death_of_the_whole_service(tmp_path: Path) -> None:
    with serving(tmp_path) as first:
        job_id = erase(first, "cat", max_steps=100)
        first.under_way(job_id)
        first.process.kill()
        first.process.wait()
        with serving(tmp_path) as second:
            assert "Ended what an earlier run left behind: api, broker, worker-erase, worker-generate." in second.output
            job = second.ended(job_id)
            assert (job["state"], job["attempt"]) == ("succeeded", 2)
            assert len(versions(second, "cat")) == 1
