"""Pictures that were made, and the record by which each can be made again."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from sepme_core.documents.pictures import PictureDocument, PictureRecordDocument
from sepme_core.documents.requests import MaskDocument
from sepme_core.registry.errors import UnknownImage
from sepme_core.registry.queries import find
from sepme_core.registry.tables import Image, Job
from sepme_core.registry.types import new_id


@dataclass(frozen=True)
class PictureRecord:
    """A picture that a worker made and whose PNG it stored.

    `digest` and `bytes` are of the PNG blob; `sha256` is of the raw RGB bytes, width · height · 3 of them; `record`
    holds what a replay needs.
    """

    digest: str
    bytes: int
    sha256: str
    seed: int
    width: int
    height: int
    record: PictureRecordDocument


def add(
    session: Session,
    job_id: str,
    actor: str,
    pictures: Sequence[PictureRecord],
    masks: Sequence[MaskDocument],
    base_digest: str,
) -> list[Image]:
    """Give each picture its row and its id, in their order; `masks` are what each was drawn under."""
    rows = [
        Image(
            id=new_id(),
            job_id=job_id,
            position=position,
            digest=picture.digest,
            bytes=picture.bytes,
            sha256=picture.sha256,
            seed=picture.seed,
            width=picture.width,
            height=picture.height,
            base_digest=base_digest,
            mask=masks[position],
            record=picture.record,
            actor=actor,
        )
        for position, picture in enumerate(pictures)
    ]
    session.add_all(rows)
    session.flush()
    return rows


def get(session: Session, image_id: str) -> Image:
    """Return a picture's row.

    Raises:
        UnknownImage: where there is none.
    """
    return find(session, Image, image_id, UnknownImage)


def of_file(session: Session, digest: str, sha256: str) -> Image | None:
    """Return the picture of a file: the very file, or else the first that was asked for with these raw pixels.

    Args:
        session: the registry's.
        digest: of the file.
        sha256: of its raw pixels.
    """
    asked_for = select(Image).join(Job, Job.id == Image.job_id).where(Job.kind == "generate")
    for same in (Image.digest == digest, Image.sha256 == sha256):
        found = session.scalars(asked_for.where(same).order_by(Image.created_at, Image.id).limit(1)).first()
        if found is not None:
            return found
    return None


def document(image: Image) -> PictureDocument:
    """Return the picture as it is listed in the result of its job."""
    return {
        "id": image.id,
        "url": f"/images/{image.id}",
        "seed": image.seed,
        "sha256": image.sha256,
        "width": image.width,
        "height": image.height,
    }
