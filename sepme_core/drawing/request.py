"""What is asked of a picture, the picture, and the record by which it can be made again."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from io import BytesIO

import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from sepme_core.documents.pictures import RECORD_ENTRY, AppliedIncrement, PictureRecordDocument
from sepme_core.documents.requests import BatchSpan
from sepme_core.increments.increment import Increment
from sepme_core.models.model import DiffusionModel
from sepme_core.models.prompts import warnings_of

LIBRARIES = {name: version(name) for name in ("torch", "diffusers", "transformers")}  # slow to look up


@dataclass(frozen=True)
class PictureRequest:
    """What to draw. Picture j of ``count`` uses seed + j."""

    prompt: str
    negative_prompt: str = ""
    seed: int = 0
    count: int = 1
    steps: int = 25
    guidance_scale: float = 7.5
    width: int = 512
    height: int = 512
    scheduler: str = "ddim"
    batches: Sequence[BatchSpan] = ()
    """The sizes of the batches in which it is drawn and for how many steps each, the last to the end; none: any."""


@dataclass(frozen=True)
class Picture:
    """One picture and the record by which it can be made again."""

    image: Image.Image
    record: PictureRecordDocument

    @property
    def seed(self) -> int:
        """The seed of its noise."""
        return int(self.record["seed"])

    @property
    def row(self) -> int:
        """Its place in the batch."""
        return int(self.record["row"])

    @property
    def batch_size(self) -> int:
        """How many pictures were made together."""
        return int(self.record["batch_size"])

    @property
    def width(self) -> int:
        """In pixels."""
        return self.image.width

    @property
    def height(self) -> int:
        """In pixels."""
        return self.image.height

    @property
    def sha256(self) -> str:
        """Of the raw pixels, as RGB bytes."""
        return pixel_digest(self.image)

    def to_png(self) -> bytes:
        """The picture as PNG, with its record as a text chunk."""
        text = PngInfo()
        text.add_text(RECORD_ENTRY, json.dumps(self.record, sort_keys=True))
        out = BytesIO()
        self.image.save(out, "PNG", pnginfo=text)
        return out.getvalue()


def pixel_digest(image: Image.Image) -> str:
    """The sha256 of a picture's raw pixels, RGB, row by row."""
    return hashlib.sha256(image.convert("RGB").tobytes()).hexdigest()


def applied(increments: Sequence[Increment]) -> list[AppliedIncrement]:
    """The increments of a mask as a record names them."""
    return [{"concept": each.concept, "digest": each.digest} for each in increments]


def make_record(
    base: DiffusionModel,
    request: PictureRequest,
    increments: Sequence[AppliedIncrement],
    *,
    row: int,
    batches: Sequence[BatchSpan] = (),
) -> PictureRecordDocument:
    """All that a picture needs to be made again, and what it was drawn without although it was asked for.

    ``batches``: the sizes of the batches in which it was denoised; left out where all ``count`` were drawn in one.
    """
    warnings = warnings_of(base, request.prompt, request.negative_prompt)
    warnings += size_warnings(base, request.width, request.height)
    record: PictureRecordDocument = {
        "prompt": request.prompt,
        "negative_prompt": request.negative_prompt,
        "seed": request.seed + row,
        "row": row,
        "batch_size": request.count,
        "steps": request.steps,
        "guidance_scale": request.guidance_scale,
        "width": request.width,
        "height": request.height,
        "scheduler": request.scheduler,
        "base_digest": base.digest,
        "autoencoder_digest": base.autoencoder_digest,
        "increments": list(increments),
        "device": base.device.type,
        "threads": torch.get_num_threads(),
        "dtype": str(base.dtype).removeprefix("torch."),
        "libraries": dict(LIBRARIES),
    }
    if base.compiled:
        record["compiled"] = True
    if batches:
        record["batches"] = [{**span} for span in batches]
    return {"warnings": warnings, **record} if warnings else record


def size_warnings(base: DiffusionModel, width: int, height: int) -> list[str]:
    """What is to be known of a picture of a size that the model was not trained on, in sentences."""
    side = base.picture_side
    if (width, height) == (side, side):
        return []
    return [f"width, height: the model was trained on {side} x {side} pixels, and {width} x {height} may show it"]
