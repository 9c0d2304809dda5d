"""What the demo model's judge sees in pictures that a worker drew."""

from collections.abc import Sequence
from io import BytesIO

from PIL import Image

from sepme_core.demo import MODEL_FOLDER
from sepme_core.evaluation.judge import load_judge
from sepme_core.registry import images
from sepme_core.registry.database import reading
from tests.worker.masks import asked_for
from tests.worker.processes import answer
from tests.worker.rows import row
from worker.process import WorkerProcess


def seen(worker: WorkerProcess, image_ids: Sequence[str]) -> list[str | None]:
    """The object in each of these stored pictures."""
    with reading(worker.engine) as session:
        files = [worker.blobs.get(images.get(session, each).digest) for each in image_ids]
    judge = load_judge(MODEL_FOLDER / "judge")
    return [each.object for each in judge.look_at([Image.open(BytesIO(file)) for file in files])]


def drawn(worker: WorkerProcess, prompt: str, count: int = 4) -> list[str | None]:
    """The object in each of some pictures that a job draws under all that is erased."""
    steps = worker.base.describe()["defaults"]["steps"]
    job_id = asked_for(worker, "active", prompt=prompt, count=count, steps=steps)
    answer(worker, job_id)
    result = row(worker.engine, job_id).result
    assert result is not None
    return seen(worker, [image["id"] for image in result["images"]])
