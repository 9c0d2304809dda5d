"""Pictures as they are stored: with a signed manifest, without one and marked, or plain, as the settings say."""

import logging
from collections.abc import Sequence
from dataclasses import replace

from sepme_core.documents.answers import SigningDocument
from sepme_core.documents.pictures import PictureRecordDocument
from sepme_core.drawing.request import Picture
from sepme_core.provenance.identity import IdentityUnusable, open_identity
from sepme_core.provenance.manifest import CannotSign, EvidenceConcept, EvidenceMask, StatedMask, sign, state
from sepme_core.registry import concepts
from sepme_core.registry.images import PictureRecord
from sepme_core.settings import Settings
from worker import problems
from worker.process import WorkerProcess

logger = logging.getLogger(__name__)


def announced(settings: Settings) -> SigningDocument:
    """Whether pictures are signed, and by which key; the log says why there is none."""
    if settings.sign_pictures == "off":
        return {"pictures": "off", "keyid": None}
    try:
        keyid = open_identity(settings).keyid
    except IdentityUnusable as unusable:
        logger.error("Pictures cannot be signed: %s", unusable)  # noqa: TRY400 (the text says it all)
        keyid = None
    return {"pictures": settings.sign_pictures, "keyid": keyid}


def store_picture(worker: WorkerProcess, picture: Picture, mask: StatedMask, job_id: str) -> PictureRecord:
    """Store a picture as PNG.

    Args:
        worker: whose settings say whether it is signed.
        picture: the picture.
        mask: what was erased in it.
        job_id: the job that it is of.

    Raises:
        Refused: it cannot be signed, and may not be stored without.
    """
    png, record = _file(worker.settings, picture, mask, job_id)
    return PictureRecord(
        digest=worker.blobs.put(png),
        bytes=len(png),
        sha256=picture.sha256,
        seed=picture.seed,
        width=picture.width,
        height=picture.height,
        record=record,
    )


def store_evidence(worker: WorkerProcess, pictures: Sequence[Picture], job_id: str) -> list[PictureRecord]:
    """Store pictures that an erasure is decided by, whose increments have no version yet; raises as `store_picture`."""
    return [store_picture(worker, picture, _mask_of(picture), job_id) for picture in pictures]


def _mask_of(picture: Picture) -> EvidenceMask:
    applied = picture.record["increments"]
    mask = concepts.mask_document(
        [{"name": each["concept"], "version": 0, "digest": each["digest"]} for each in applied]
    )
    stated: list[EvidenceConcept] = [{"name": each["name"], "digest": each["digest"]} for each in mask["concepts"]]
    return {"digest": mask["digest"], "concepts": stated}


def _file(settings: Settings, picture: Picture, mask: StatedMask, job_id: str) -> tuple[bytes, PictureRecordDocument]:
    """The PNG, and the record that is in it."""
    if settings.sign_pictures == "off":
        return _plain(picture, {**picture.record, "signed": False})
    record: PictureRecordDocument = {**picture.record, "signed": True}
    statement = state(record, mask, picture.sha256, job_id, prompts=settings.sign_prompts)
    try:
        identity = open_identity(settings)  # each time: it may have expired, or been renewed
        return sign(replace(picture, record=record).to_png(), statement, identity), record
    except (IdentityUnusable, CannotSign) as error:
        if settings.sign_pictures == "required":
            raise problems.Refused(problems.of_unsigned(str(error))) from error
        logger.warning("A picture of job %s is not signed: %s", job_id, error)
        warnings = [*picture.record.get("warnings", ()), f"not signed: {error}"]
        return _plain(picture, {**picture.record, "signed": False, "warnings": warnings})


def _plain(picture: Picture, record: PictureRecordDocument) -> tuple[bytes, PictureRecordDocument]:
    return replace(picture, record=record).to_png(), record
