"""Pictures drawn again from their records, and compared with those that were stored."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Protocol

import torch
from PIL import Image

from sepme_core.documents.pictures import PictureRecordDocument
from sepme_core.drawing.draw import draw
from sepme_core.drawing.request import PictureRequest, make_record, pixel_digest
from sepme_core.evaluation.similarity import structural_similarity
from sepme_core.increments.increment import Increment
from sepme_core.models.model import DiffusionModel
from sepme_core.registry.errors import BlobDamaged, BlobMissing
from sepme_core.registry.tables import Image as Row

OF_ONE_PICTURE = {"prompt", "seed", "row", "increments", "warnings", "signed"}
SURROUNDINGS = ("device", "dtype", "libraries")
LATER_SURROUNDINGS = ("autoencoder_digest",)
"""What records did not name from the first."""


@dataclass(frozen=True)
class Likeness:
    """How a picture that was drawn again compares.

    Attributes:
        equal: Pixel by pixel.
        comparable: It was stored by the same kind of device, libraries and autoencoder, so that it should be equal.
        similarity: The SSIM; 1 for equal pictures, None where they differ and the stored file cannot be read.
    """

    equal: bool
    comparable: bool
    similarity: float | None


class Stored(Protocol):
    """Where pictures' bytes are: the blobs, or a bundle."""

    def get(self, digest: str) -> bytes:
        """Return the bytes; raises `BlobMissing` or `BlobDamaged`."""
        ...


def draw_again(
    base: DiffusionModel, blobs: Stored, rows: Sequence[Row], increments: Sequence[Increment]
) -> list[Likeness]:
    """Draw stored pictures again under ``increments`` and compare them with what is stored."""
    batches: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        batches[_batch(row.record)].append(row)
    return [
        compare(base, blobs, row, picture)
        for batch in batches.values()
        for row, picture in zip(batch, _draw_batch(base, batch, increments), strict=True)
    ]


def compare(base: DiffusionModel, blobs: Stored, row: Row, drawn: Image.Image) -> Likeness:
    """Compare a picture with the stored one; its file is read only where the pixels differ."""
    here: Mapping[str, Any] = make_record(base, PictureRequest(""), (), row=0)
    then: Mapping[str, Any] = row.record
    named = (*SURROUNDINGS, *(name for name in LATER_SURROUNDINGS if name in then))
    comparable = all(then[name] == here[name] for name in named)
    if pixel_digest(drawn) == row.sha256:
        return Likeness(equal=True, comparable=comparable, similarity=1.0)
    try:
        stored = Image.open(BytesIO(blobs.get(row.digest)))
    except (BlobMissing, BlobDamaged):
        return Likeness(equal=False, comparable=comparable, similarity=None)
    return Likeness(equal=False, comparable=comparable, similarity=structural_similarity(drawn, stored))


def _batch(record: PictureRecordDocument) -> str:
    """What pictures drawn in one batch have in common."""
    shared = {name: value for name, value in record.items() if name not in OF_ONE_PICTURE}
    return json.dumps([record["seed"] - record["row"], shared], sort_keys=True)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Compute with so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _draw_batch(base: DiffusionModel, rows: Sequence[Row], increments: Sequence[Increment]) -> list[Image.Image]:
    """Draw a batch of its first size, by as many threads, each picture in its place: all three decide how it rounds."""
    record = rows[0].record
    prompts = [record["prompt"]] * record["batch_size"]
    for row in rows:
        prompts[row.record["row"]] = row.record["prompt"]
    said: Mapping[str, Any] = record
    wanted = {name: said[name] for name in PictureRequest.__dataclass_fields__ if name in said}
    request = PictureRequest(**{**wanted, "seed": record["seed"] - record["row"], "count": record["batch_size"]})
    with _threads(record.get("threads", torch.get_num_threads())):
        pictures = draw(base, prompts, request, increments)
    return [pictures[row.record["row"]] for row in rows]
