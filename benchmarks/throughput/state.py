"""A state folder in which concepts are erased by random increments: `python -P state.py HOME LORAS NAME …`.

Nothing is optimised: what a mask costs does not depend on its numbers, and those here are so small that pictures stay
pictures under a hundred of them. It runs on the code of whichever checkout is measured, and so imports nothing of this
package.
"""

import sys
from pathlib import Path
from typing import Any

import torch
from sqlalchemy import delete

from sepme_core.erasure import MadeIncrement
from sepme_core.increments.increment import Increment
from sepme_core.increments.lora import lora_of_increment
from sepme_core.models.cross_attention import conditioned_matrices
from sepme_core.models.model import DiffusionModel, load_base
from sepme_core.registry import concepts, jobs, serving
from sepme_core.registry.blobs import open_blobs
from sepme_core.registry.database import make_engine, migrate, writing
from sepme_core.registry.tables import ServedModel
from sepme_core.settings import Settings
from worker.process import store_increment

RANK = 16  # what an erasure may use, `ErasureOptions.directions`
STRENGTH = 0.002
LEASE_SECONDS = 600.0


def random_increment(base: DiffusionModel, concept: str) -> Increment:
    """An increment of the base's shapes, its numbers decided by the concept's name."""
    dice = torch.Generator().manual_seed(int.from_bytes(concept.encode()[-4:], "big"))
    directions = torch.linalg.qr(torch.randn(base.width, RANK, generator=dice)).Q.contiguous()
    weights = {
        path: (STRENGTH * torch.randn(linear.out_features, RANK, generator=dice)).half()
        for path, linear in conditioned_matrices(base.unet).items()
    }
    metadata: Any = {
        "concept": concept,
        "kind": "object",
        "prompts": [concept],
        "protect": [],
        "base_digest": base.digest,
        "settings": {},
        "certificate": {"correlation": 0.0, "relative_loss": 0.0, "given_up": []},
    }
    return Increment(directions, weights, metadata)


def fill(home: Path, base: DiffusionModel, increments: list[Increment]) -> None:
    """Write the registry and the blobs of a service that has erased all of them, each beside all the others."""
    settings = Settings.model_validate({"home": home})
    engine, blobs = make_engine(settings.database_url), open_blobs(settings.blob_url)
    migrate(engine)
    names = [increment.concept for increment in increments]
    with writing(engine) as session:
        serving.announce_model(session, base.describe())
    with writing(engine) as session:
        accepted = concepts.accept_erasures(session, [{"name": name, "kind": "object"} for name in names], "benchmark")
        ids = [each.job.id for each in accepted]
    for job_id, increment in zip(ids, increments, strict=True):
        stored = store_increment(blobs, MadeIncrement(increment, (), "erased"), 1.0)
        with writing(engine) as session:
            claim = jobs.claim(session, job_id, worker="benchmark", lease_seconds=LEASE_SECONDS)
        assert claim is not None
        with writing(engine) as session:
            published = jobs.publish_erasure(session, claim, stored, considered=names)
        if not isinstance(published, jobs.Published):
            raise SystemExit(f"{increment.concept} was not published: {published}")
    with writing(engine) as session:  # the worker's own is to be waited for
        session.execute(delete(ServedModel))
    engine.dispose()


def main(home: Path, loras: Path, names: list[str]) -> None:
    """Fill the state folder, and write the same increments as LoRA files."""
    base = load_base("demo", device="cpu")
    increments = [random_increment(base, name) for name in names]
    fill(home, base, increments)
    loras.mkdir(exist_ok=True)
    for increment in increments:
        (loras / f"{increment.concept}.safetensors").write_bytes(lora_of_increment(increment.to_bytes()))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
