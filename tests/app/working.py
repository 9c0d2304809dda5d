"""The registry's side of a worker: what the front end sees of work is what these functions write."""

import io
import json
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from threading import Event, Thread
from typing import Any, cast

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from safetensors.numpy import save
from sqlalchemy import Engine

from sepme_core.canonical import canonical_json, digest_of_bytes
from sepme_core.documents.answers import ProblemDocument
from sepme_core.documents.pictures import RECORD_ENTRY
from sepme_core.documents.requests import PictureRequestDocument, PinnedMask
from sepme_core.increments.format import FORMAT, METADATA_ENTRY
from sepme_core.registry import concepts, jobs, protected, serving
from sepme_core.registry.blobs import Blobs
from sepme_core.registry.database import reading, writing
from sepme_core.registry.images import PictureRecord
from sepme_core.registry.jobs import Claim, StoredIncrement

BASE = "sha256:" + 64 * "b"
OTHER_BASE = "sha256:" + 64 * "c"
CERTIFICATE: Any = {
    "correlation": 0.01,
    "steps": 140,
    "leak": {"max": 0.0003, "concept": "cezanne"},
    "effect_kept": 1.0,
}

MODEL: Any = {
    "name": "demo",
    "family": "stable-diffusion-1",
    "base_digest": BASE,
    "defaults": {"steps": 25, "guidance_scale": 4.0, "width": 64, "height": 64, "scheduler": "ddim"},
    "limits": {
        "steps": [1, 200],
        "count": [1, 16],
        "guidance_scale": [0.0, 30.0],
        "width": [64, 128],
        "height": [64, 64],
        "multiple_of": 8,
        "schedulers": ["ddim", "euler"],
        "least_steps": {"ddim": 1, "euler": 4},
        "prompt_tokens": 75,
    },
    "capacity": {"directions": 256, "left": 180},
    "suggestions": {"styles": ["twemoji"], "objects": ["cat"], "prompt": "a {object} in {style} style"},
    "signing": {"pictures": "required", "keyid": 64 * "d"},
}


def announce(engine: Engine, **changes: Any) -> None:
    with writing(engine) as session:
        serving.announce_model(session, MODEL | changes)


def claim(engine: Engine, job_id: str, lease_seconds: float = 60) -> Claim:
    with writing(engine) as session:
        claimed = jobs.claim(session, job_id, worker="tester", lease_seconds=lease_seconds)
    assert claimed is not None
    return claimed


def report(engine: Engine, claimed: Claim, step: int, of: int = 10) -> None:
    with writing(engine) as session:
        assert jobs.report(session, claimed, step, of, f"correlation {step / 1000}")


def increment(concept: str) -> bytes:
    """An increment file of two matrices, written as its format says."""
    tensors: dict[str, np.ndarray[Any, Any]] = {
        "directions": np.arange(12, dtype=np.float32).reshape(6, 2),
        "w.block.attn2.to_k": np.ones((4, 2), dtype=np.float16),
        "w.block.attn2.to_v": np.full((4, 2), 2, dtype=np.float16),
    }
    metadata = {"format": FORMAT, "concept": concept, "base_digest": BASE}
    return save(tensors, {METADATA_ENTRY: canonical_json(metadata).decode()})


def erase(
    engine: Engine,
    blobs: Blobs,
    job_id: str,
    base_digest: str = BASE,
    *,
    evidence: bool = False,
    data: bytes | None = None,
) -> None:
    claimed = claim(engine, job_id)
    data = data or f"increment of {claimed.concept} by {claimed.request}".encode()
    made = _stored(blobs, data, base_digest, "erased")
    if evidence:
        applied: tuple[list[dict[str, str]], ...] = ([], [{"concept": str(claimed.concept), "digest": made.digest}])
        made = replace(made, pictures=[_evidence(blobs, str(claimed.concept), increments) for increments in applied])
    with writing(engine) as session:
        considered = [known["name"] for known in concepts.known_concepts(session)]
        assert isinstance(jobs.publish_erasure(session, claimed, made, considered=considered), jobs.Published)


def reproject(engine: Engine, blobs: Blobs, job_id: str) -> None:
    claimed = claim(engine, job_id)
    data = f"increment of {claimed.concept} beside {claimed.pinned}".encode()
    with writing(engine) as session:
        assert jobs.publish_reprojection(session, claimed, _stored(blobs, data, BASE, "reprojected"))


def protect(engine: Engine, _blobs: Blobs, job_id: str) -> None:
    claimed = claim(engine, job_id)
    with writing(engine) as session:
        protected.pin(session, claimed)
        assert protected.publish(session, claimed)


def _stored(blobs: Blobs, data: bytes, base_digest: str, reason: str) -> StoredIncrement:
    return StoredIncrement(
        digest=blobs.put(data),
        bytes=len(data),
        base_digest=base_digest,
        reason=reason,
        certificate=CERTIFICATE,
        settings={"variant": "sepme"},
    )


def draw(engine: Engine, blobs: Blobs, job_id: str, batches: Sequence[Mapping[str, int]] = ()) -> None:
    draw_claimed(engine, blobs, claim(engine, job_id), batches)


def draw_claimed(engine: Engine, blobs: Blobs, claimed: Claim, batches: Sequence[Mapping[str, int]] = ()) -> None:
    """Draw them in batches of those sizes, as the records say; none: by a worker of an earlier release."""
    request, pinned = cast("PictureRequestDocument", claimed.request), cast("PinnedMask", claimed.pinned)
    pictures = [_picture(blobs, request, position, batches) for position in range(request["count"])]
    with writing(engine) as session:
        assert jobs.publish_pictures(
            session, claimed, images=pictures, mask=pinned["mask"], base_digest=pinned["base_digest"]
        )


def fail(engine: Engine, job_id: str, **problem: Any) -> None:
    claimed = claim(engine, job_id)
    with writing(engine) as session:
        assert jobs.fail(session, claimed, cast("ProblemDocument", problem))


def fail_with_pictures(engine: Engine, blobs: Blobs, job_id: str, problem: Any) -> None:
    """Fail a job with a picture without and one with an increment that is never published."""
    claimed = claim(engine, job_id)
    concept = str(claimed.concept)
    applied: tuple[list[dict[str, str]], ...] = ([], [{"concept": concept, "digest": BASE}])
    pictures = [_evidence(blobs, concept, increments) for increments in applied]
    with writing(engine) as session:
        assert jobs.fail(session, claimed, problem, pictures)


DO = {"erase": erase, "reproject": reproject, "protect": protect, "generate": draw}


def _picture(
    blobs: Blobs, request: PictureRequestDocument, position: int, batches: Sequence[Mapping[str, int]]
) -> PictureRecord:
    seed = request["seed"] + position
    record: dict[str, Any] = {"seed": seed, "row": position, "batch_size": request["count"], "steps": request["steps"]}
    if batches:
        record |= {"batches": list(batches), "signed": True}
    return _drawn(blobs, seed, (request["width"], request["height"]), record)


def _evidence(blobs: Blobs, prompt: str, increments: list[dict[str, str]]) -> PictureRecord:
    record = {"prompt": prompt, "seed": len(increments), "increments": increments, "base_digest": BASE}
    return _drawn(blobs, len(increments), (64, 64), record)


def _drawn(blobs: Blobs, seed: int, size: tuple[int, int], record: Any) -> PictureRecord:
    image = Image.new("RGB", size, (seed % 256, 100, 200))
    file = io.BytesIO()
    text = PngInfo()
    text.add_text(RECORD_ENTRY, json.dumps(record, sort_keys=True))
    image.save(file, "PNG", pnginfo=text)
    return PictureRecord(
        digest=blobs.put(file.getvalue()),
        bytes=len(file.getvalue()),
        sha256=digest_of_bytes(image.tobytes()),
        seed=seed,
        width=size[0],
        height=size[1],
        record=record,
    )


@contextmanager
def working(engine: Engine, blobs: Blobs, kinds: Collection[str] = frozenset(DO)) -> Iterator[None]:
    """Do every job of these kinds that is queued, until the block ends: a worker that finds its work in the rows."""
    stopping = Event()

    def work() -> None:
        while not stopping.wait(0.05):
            with reading(engine) as session:
                listed = jobs.page_of_texts(session, None, 50, state="queued").items
                queued = [job for job in (jobs.get(session, each.id) for each in listed) if job.kind in kinds]
            for job in queued:
                DO[job.kind](engine, blobs, job.id)

    thread = Thread(target=work, name="worker")
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def eventually(holds: Any, seconds: float = 10) -> None:
    """Wait until something holds that happens in another thread."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)
