"""The pictures of a bundle drawn again, by the model that the settings name."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sepme_core.increments.increment import Increment, IncrementDamaged
from sepme_core.models.model import DiffusionModel
from sepme_core.provenance import bundle
from sepme_core.provenance.concept_walk import ConceptBundle
from sepme_core.provenance.picture_walk import PictureBundle
from sepme_core.provenance.walk import opened, walk
from sepme_core.registry.blobs import Blobs
from sepme_core.registry.errors import BlobDamaged, BlobMissing
from sepme_core.registry.tables import Image as Row
from worker.verify.checks import Check, judge
from worker.verify.pictures import draw_again

WITHOUT, WITH = "pictures without it", "pictures with the increment"
PICTURE = "picture"


class CannotRedraw(Exception):
    """Nothing of the bundle can be drawn again here; the message says why and what to do."""


@dataclass(frozen=True)
class BundledPictures:
    """The bytes of a bundle's pictures, by their digests."""

    by_digest: Mapping[str, bytes]

    def get(self, digest: str) -> bytes:
        """Return the bytes; raises `BlobMissing`."""
        if digest not in self.by_digest:
            raise BlobMissing(digest)
        return self.by_digest[digest]


def open_bundle(file: Path) -> ConceptBundle | PictureBundle:
    """Return a bundle that holds, link by link; whose signature it is, is asked elsewhere.

    Raises:
        CannotRedraw: where it cannot be read, or a link does not hold.
    """
    try:
        files = bundle.unzipped(file)
    except bundle.BundleUnreadable as reason:
        raise CannotRedraw(str(reason)) from reason
    for link in walk(files):
        if not link.holds:
            raise CannotRedraw(f"{link.name}: {link.detail}; nothing is drawn of a bundle that does not hold")
    return opened(files)


def redraw(held: ConceptBundle | PictureBundle, base: DiffusionModel, blobs: Blobs) -> Iterator[Check]:
    """Draw a bundle's pictures again: without increments anywhere, with them where their files are among the blobs.

    Raises:
        CannotRedraw: where the bundle is of another base, or an increment's file is not here.
    """
    named = held.attested["base_digest"]
    if named != base.digest:
        raise CannotRedraw(
            f"the bundle is of the base {named}, and {base.name} is {base.digest}: "
            "set SEPME_MODEL to the model that the service drew with"
        )
    yield from _of_picture(held, base, blobs) if isinstance(held, PictureBundle) else _of_concept(held, base, blobs)


def _of_concept(held: ConceptBundle, base: DiffusionModel, blobs: Blobs) -> Iterator[Check]:
    rows = {picture_id: _row(document) for picture_id, document in held.records.items()}
    stored = BundledPictures({row.digest: held.files[bundle.picture_name(each)] for each, row in rows.items()})
    for name, masked in ((WITHOUT, False), (WITH, True)):
        chosen = [row for row in rows.values() if bool(row.record["increments"]) == masked]
        if chosen:
            mask = [_increment(held.increment, base, blobs)] if masked else []
            yield judge(held.attested["concept"], name, draw_again(base, stored, chosen, mask))


def _of_picture(held: PictureBundle, base: DiffusionModel, blobs: Blobs) -> Iterator[Check]:
    row = _row(held.document)
    mask = [_increment(each["digest"], base, blobs) for each in row.record["increments"]]
    stored = BundledPictures({row.digest: held.files[bundle.PICTURE]})
    yield judge(row.id, PICTURE, draw_again(base, stored, [row], mask))


def _row(document: Mapping[str, Any]) -> Row:
    return Row(id=document["id"], record=document["record"], sha256=document["sha256"], digest=document["digest"])


def _increment(digest: str, base: DiffusionModel, blobs: Blobs) -> Increment:
    """It is in no bundle: with it anybody could take it away from a model, or put it into one."""
    try:
        return Increment.from_bytes(blobs.get(digest), digest=digest, base=base)
    except (BlobMissing, BlobDamaged, IncrementDamaged) as reason:
        raise CannotRedraw(
            f"pictures with the increment are not drawn: {reason}. No bundle holds the increment's file: set SEPME_HOME"
            " or SEPME_BLOB_URL to where the service keeps it"
        ) from reason
