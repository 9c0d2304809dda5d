"""What a signed manifest costs a picture, in bytes and milliseconds: ``python -m benchmarks.signing``. No model.

The picture is of 512 x 512 pixels. Time is the least and the median of many runs, the identity read anew for each, as a
worker does.
"""

import tempfile
import time
from io import BytesIO
from pathlib import Path
from statistics import median

from PIL import Image

from sepme_core.documents.pictures import PictureRecordDocument
from sepme_core.documents.requests import MaskDocument, MaskedConcept
from sepme_core.provenance.identity import open_identity
from sepme_core.provenance.inspection import inspect
from sepme_core.provenance.manifest import sign, state
from sepme_core.settings import Settings

RUNS = 200
SIDE = 512
DIGEST = "sha256:" + 64 * "0"
RECORD: PictureRecordDocument = {
    "prompt": "",
    "negative_prompt": "",
    "seed": 7,
    "row": 0,
    "batch_size": 1,
    "batches": [{"size": 4, "steps": 3}, {"size": 8, "steps": 22}],
    "steps": 25,
    "guidance_scale": 7.5,
    "width": SIDE,
    "height": SIDE,
    "scheduler": "ddim",
    "base_digest": DIGEST,
    "increments": [],
    "device": "cpu",
    "dtype": "float32",
    "libraries": {},
}


def main() -> None:
    """Print a line for each size of a mask."""
    png = BytesIO()
    Image.effect_noise((SIDE, SIDE), 40).convert("RGB").save(png, "PNG")
    with tempfile.TemporaryDirectory() as home:
        for concepts in (0, 1, 5, 10, 50):
            measure(png.getvalue(), concepts, Settings(home=Path(home)))


def measure(png: bytes, concepts: int, settings: Settings) -> None:
    """Sign the picture under a mask of so many concepts, again and again."""
    masked: list[MaskedConcept] = [
        {"name": f"concept-{number:02}", "version": 1, "digest": DIGEST} for number in range(concepts)
    ]
    mask: MaskDocument = {"digest": DIGEST, "concepts": masked}
    statement = state(RECORD, mask, 64 * "0", 22 * "0", prompts=False)
    signing, looking = [], []
    for _ in range(RUNS):
        started = time.perf_counter()
        signed = sign(png, statement, open_identity(settings))
        signing.append(1000 * (time.perf_counter() - started))
        started = time.perf_counter()
        inspect(signed)
        looking.append(1000 * (time.perf_counter() - started))
    print(
        f"{concepts:2} concepts: {len(signed) - len(png)} bytes; signing {min(signing):.1f} ms, median"
        f" {median(signing):.1f}; inspecting {min(looking):.1f} ms, median {median(looking):.1f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
