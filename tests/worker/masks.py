"""Increments that were not optimised but are whole: random directions, published as a worker publishes them."""

from typing import Any, Literal

import torch

from sepme_core.erasure import MadeIncrement
from sepme_core.increments.increment import Increment
from sepme_core.models.cross_attention import conditioned_matrices
from sepme_core.models.model import DiffusionModel
from sepme_core.registry import concepts, jobs
from sepme_core.registry.database import reading, writing
from tests.worker.rows import accepted_erasure, claimed
from worker.process import WorkerProcess, store_increment

RANK = 2


def random_increment(
    base: DiffusionModel, concept: str, base_digest: str | None = None, strength: float = 0.05
) -> Increment:
    """An increment of the base's shapes, its numbers decided by the concept's name."""
    dice = torch.Generator().manual_seed(sum(map(ord, concept)))
    directions = torch.linalg.qr(torch.randn(base.width, RANK, generator=dice)).Q.contiguous()
    weights = {
        name: (strength * torch.randn(linear.out_features, RANK, generator=dice)).half()
        for name, linear in conditioned_matrices(base.unet).items()
    }
    metadata: Any = {
        "concept": concept,
        "kind": "object",
        "prompts": [concept],
        "protect": [],
        "base_digest": base_digest or base.digest,
        "settings": {},
        "certificate": {"correlation": 0.0, "relative_loss": 0.0, "given_up": []},
    }
    return Increment(directions, weights, metadata)


def publish(worker: WorkerProcess, increment: Increment, **body: object) -> str:
    """Publish an increment as the end of an erase job that was held against all there is. Gives its digest."""
    claim = claimed(worker.engine, accepted_erasure(worker.engine, increment.concept, **body))
    stored = store_increment(worker.blobs, MadeIncrement(increment, (), "erased"), 1.0)
    with writing(worker.engine) as session:
        considered = [known["name"] for known in concepts.known_concepts(session)]
        assert isinstance(jobs.publish_erasure(session, claim, stored, considered=considered), jobs.Published)
    return stored.digest


def asked_for(
    worker: WorkerProcess, erased: Literal["active"] | list[str], base_digest: str | None = None, **request: object
) -> str:
    """A job for pictures under a mask, as the front end accepts it; two denoising steps unless said otherwise."""
    defaults = worker.base.describe()["defaults"]
    whole: Any = {"prompt": "a cat", "negative_prompt": "", "seed": 7, "count": 1, **defaults, "steps": 2, **request}
    with reading(worker.engine) as session:
        pinned = concepts.resolve_mask(session, erased).pinned(base_digest or worker.base.digest)
    with writing(worker.engine) as session:
        job = jobs.enqueue(session, kind="generate", request=whole, pinned=pinned, concept=None, actor="tests")
        return job.id
