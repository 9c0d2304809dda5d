"""Pictures asked of a service: new ones of a concept under all that is erased, and its evidence once more."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sepme_core.wordings import listed

if TYPE_CHECKING:
    from sepme.client import Blocking, Client, Image, Job
    from sepme_core.documents.answers import ConceptDocument
    from sepme_core.documents.pictures import ImageDocument

SENTENCES, EACH = 4, 2
FIRST_SEED = 0x5E9E
"""Of the new pictures. Evidence is drawn from an erasure's own seeds, which begin at 0."""
PATIENCE_SECONDS = 900.0
"""For one job: a service whose workers are gone takes jobs, and does none."""
UNSEEN_KINDS = ("person", "explicit")
"""Kinds of which no picture is kept in a folder, as the service keeps none of them as evidence."""
SURROUNDINGS = ("device", "dtype", "libraries", "threads", "compiled", "autoencoder_digest")
REQUESTED = ("prompt", "negative_prompt", "seed", "steps", "guidance_scale", "width", "height", "scheduler", "batches")
ROUNDING = 2
"""Levels of 255: evidence was drawn in one batch with other sentences, which rounds otherwise."""
LEAST_LIKENESS = 40.0
"""Decibels (PSNR) where something else than when it was stored draws."""


@dataclass(frozen=True)
class NewPictures:
    """New pictures of a concept, drawn under all that is erased.

    Attributes:
        masks: What was left out, for each job: digests by the names of concepts.
        files: The pictures.
    """

    masks: Sequence[Mapping[str, str]]
    files: Sequence[Path]


@dataclass(frozen=True)
class Redrawn:
    """A picture of the evidence, and the one that was drawn when it was asked for again.

    Attributes:
        mask: What was left out of the latter: digests by the names of concepts.
        wanted: The same of the former.
        alike: Whether both were drawn by the same kind of device and the same libraries.
        largest: By how much their values differ at most, in levels of 255.
        decibels: Their peak signal-to-noise ratio; infinite where they are equal.
        file: The latter, where it was to be kept.
    """

    mask: Mapping[str, str]
    wanted: Mapping[str, str]
    alike: bool
    largest: int
    decibels: float
    file: Path | None

    @property
    def made_anew(self) -> bool:
        """Whether the same concepts are left out by other increments."""
        return self.mask != self.wanted and self.mask.keys() == self.wanted.keys()

    @property
    def near(self) -> bool:
        """Whether it is the same picture, up to rounding."""
        return self.largest <= ROUNDING if self.alike else self.decibels >= LEAST_LIKENESS


def draw_new(client: "Client", concept: "ConceptDocument", folder: Path, seed: int) -> NewPictures:
    """Draw a concept's own sentences under all that is erased now.

    Raises:
        SepmeError: the service cannot be asked, refuses, or fails.
    """
    sentences = listed(concept["kind"], concept["prompts"])
    apart = max(len(sentences) // SENTENCES, 1)
    asked = [
        client.generate(sentence, erased="active", seed=seed + EACH * place, count=EACH, wait=False)
        for place, sentence in enumerate(sentences[::apart][:SENTENCES])
    ]
    done = [job.wait(PATIENCE_SECONDS) for job in asked]
    images = [image for job in done for image in job.images]
    files = [_keep(image.content(), folder, f"new-{number}") for number, image in enumerate(images, 1)]
    return NewPictures([_mask(job) for job in done], files)


def redraw(client: "Client", evidence: Sequence["ImageDocument"], folder: Path | None) -> list[Redrawn]:
    """Ask for pictures of the evidence once more, each under the increments of then.

    Raises:
        SepmeError: the service cannot be asked, refuses, or fails.
    """
    asked = [client.generate(**_request(each), wait=False) for each in evidence]
    done = [job.wait(PATIENCE_SECONDS) for job in asked]
    pairs = zip(evidence, done, strict=True)
    return [_compared(client, stored, job, number, folder) for number, (stored, job) in enumerate(pairs, 1)]


def _request(evidence: "ImageDocument") -> dict[str, Any]:
    """The request that makes a picture again by its record (docs/replay.md).

    It is none of a request's pictures, so the service names no replay; a record of one batch has its size.
    """
    said: Mapping[str, Any] = evidence["record"]
    request = {name: said[name] for name in REQUESTED if name in said}
    if "batches" not in said and "batch_size" in said:
        request["batches"] = [{"size": said["batch_size"], "steps": said["steps"]}]
    return {**request, "erased": [each["concept"] for each in said["increments"]], "count": 1}


def _compared(
    client: "Client", stored: "ImageDocument", job: "Job[Blocking, Any]", number: int, folder: Path | None
) -> Redrawn:
    (image,) = job.images
    then: Mapping[str, Any] = stored["record"]
    now: Mapping[str, Any] = image.record()["record"]
    png = image.content()
    equal = image.sha256.removeprefix("sha256:") == stored["sha256"].removeprefix("sha256:")
    largest, decibels = (0, float("inf")) if equal else _difference(png, client.images.get(stored["id"]))
    return Redrawn(
        mask=_mask(job),
        wanted={each["concept"]: each["digest"] for each in stored["record"]["increments"]},
        alike=all(then.get(name) == now.get(name) for name in SURROUNDINGS),
        largest=largest,
        decibels=decibels,
        file=None if folder is None else _keep(png, folder, f"evidence-{number}"),
    )


def _difference(png: bytes, stored: "Image[Blocking]") -> tuple[int, float]:
    """The largest difference of a value, and the PSNR; pictures of two sizes have nothing in common."""
    one, other = (_levels(data) for data in (png, stored.content()))
    if one.shape != other.shape:
        return 255, 0.0
    apart = np.abs(one - other)
    square = float(np.square(apart).mean())
    return int(apart.max()), float(10 * np.log10(255**2 / square)) if square else float("inf")


def _levels(png: bytes) -> "np.ndarray[Any, np.dtype[np.float64]]":
    from PIL import Image as Pillow

    with Pillow.open(io.BytesIO(png)) as picture:
        return np.asarray(picture.convert("RGB"), dtype=np.float64)


def _mask(job: "Job[Blocking, Any]") -> Mapping[str, str]:
    return {each["name"]: each["digest"] for each in job.result["mask"]["concepts"]}


def _keep(png: bytes, folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.png"
    file.write_bytes(png)
    return file
