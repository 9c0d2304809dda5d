"""The ledger is erased again when another model is served: a narrow one first, then the demo model."""

import pytest

from sepme_core.increments.increment import Increment
from sepme_core.models.model import DiffusionModel, load_base
from sepme_core.registry import concepts, serving
from sepme_core.registry.database import reading, writing
from tests.sepme_core.narrow import SD_1_4, save_narrow_pipeline
from tests.worker.masks import asked_for, publish, random_increment
from tests.worker.processes import answer, with_base
from tests.worker.rows import row, versions
from worker.process import WorkerProcess

SHORT = {"max_steps": 2, "batch_size": 2}


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> DiffusionModel:
    """A real Stable Diffusion pipeline of another make, a fraction of its width."""
    return load_base(str(save_narrow_pipeline(tmp_path_factory.mktemp("narrow"), SD_1_4, "epsilon")), device="cpu")


@pytest.fixture
def before(worker: WorkerProcess, narrow: DiffusionModel) -> WorkerProcess:
    """A worker of the same registry that has the narrow model; cat is erased for it, and fish restored."""
    before = with_base(worker, narrow)
    with writing(worker.engine) as session:
        serving.announce_model(session, narrow.describe())
    for name in ("cat", "fish"):
        publish(before, random_increment(narrow, name), options=SHORT)
    with writing(worker.engine) as session:
        concepts.restore(session, "fish", "tests")
        serving.announce_model(session, worker.base.describe())
    return before


def state(worker: WorkerProcess, name: str) -> str:
    with reading(worker.engine) as session:
        return concepts.get(session, name).state


def erase_again(worker: WorkerProcess) -> list[str]:
    with writing(worker.engine) as session:
        return [one.job.id for one in concepts.accept_again(session, worker.base.digest, "tests")]


@pytest.mark.usefixtures("before")
def test_all_that_is_stored_is_erased_again_for_the_model_that_is_served(worker: WorkerProcess) -> None:
    job_ids = erase_again(worker)
    for job_id in job_ids:
        answer(worker, job_id)
        assert row(worker.engine, job_id).state == "succeeded", row(worker.engine, job_id).problem
    assert (state(worker, "cat"), state(worker, "fish")) == ("erased", "restored")
    for name in ("cat", "fish"):
        current = versions(worker.engine, name)[-1]
        Increment.from_bytes(worker.blobs.get(current.digest), digest=current.digest, base=worker.base)
    assert erase_again(worker) == []
    drawn = asked_for(worker, ["cat"])
    answer(worker, drawn)
    assert row(worker.engine, drawn).state == "succeeded"


def test_until_then_pictures_under_the_old_mask_are_refused_with_the_call_that_helps(
    worker: WorkerProcess, before: WorkerProcess
) -> None:
    with writing(worker.engine) as session:
        serving.announce_model(session, before.base.describe())
    asked = asked_for(before, ["cat"])
    answer(before, asked)
    assert row(worker.engine, asked).state == "succeeded", row(worker.engine, asked).problem
    with writing(worker.engine) as session:
        serving.announce_model(session, worker.base.describe())
    refused = asked_for(worker, ["cat"])
    answer(worker, refused)
    problem = row(worker.engine, refused).problem
    assert problem is not None
    assert problem["type"] == "/problems/increment-for-another-base"
    assert "POST /erasures/again" in problem["remedy"]
