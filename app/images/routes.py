"""GET /images/{id}: the PNG, or its record as JSON. Neither ever changes."""

import re
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Depends, Header, Path
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from app.headers import negotiate
from app.holders import Holder, HolderDependency
from app.jobs.schemas import Mask, Picture
from app.permissions import check_picture
from app.problems import Problem
from app.problems.problem import PROBLEM_RESPONSE
from app.services import ServicesDependency
from sepme_core import problems
from sepme_core.documents import pictures, requests
from sepme_core.registry import images, jobs
from sepme_core.registry.blobs import Blobs
from sepme_core.registry.errors import BlobDamaged, BlobMissing
from sepme_core.registry.tables import Image, Job
from sepme_core.registry.types import timestamp

router = APIRouter(tags=["images"], responses=PROBLEM_RESPONSE)
PNG, JSON = "image/png", "application/json"
FOR_EVER = "private, max-age=31536000, immutable"


class Replay(BaseModel):
    """How a picture is made again: pictures of a batch differ by rounding from those that are drawn alone."""

    request: dict[str, Any] = Field(description="The body for POST /generate; `batches` has the sizes it was drawn in.")
    row: int = Field(description="Which of its pictures it is, from 0.")


class ImageDocument(Picture):
    """A picture and its record.

    On the same kind of device, under the same increments and library versions, its `replay` gives the same pixels.
    """

    job: str = Field(description="Path of the job that made it.")
    digest: str = Field(description="Of the PNG, by sha256.")
    bytes: int = Field(description="Size of the PNG.")
    signed: bool = Field(description="Whether the PNG carries a signed manifest (C2PA): see docs/provenance.md.")
    base_digest: str
    mask: Mask
    record: dict[str, Any] = Field(description="As it stands in the PNG's metadata.")
    replay: Replay | None = Field(description="How it is made again; null of what was drawn to look at an erasure.")
    created_at: datetime


@dataclass(frozen=True)
class ImageRequest:
    """Which representation of a picture is asked for."""

    accept: str | None
    if_none_match: str | None

    @property
    def media_type(self) -> str:
        """The representation to send.

        Raises:
            Problem: `not-acceptable`.
        """
        chosen = negotiate(self.accept, (PNG, JSON))
        if chosen is None:
            raise Problem(problems.NOT_ACCEPTABLE, f"There is no {self.accept}.", available=[PNG, JSON])
        return chosen

    def has(self, tag: str) -> bool:
        """Whether the client holds the representation already (RFC 9110, section 13.1.2)."""
        held = self.if_none_match or ""
        return held.strip() == "*" or tag in [part.strip().removeprefix("W/") for part in held.split(",")]


async def get_image_request(
    accept: Annotated[str | None, Header(include_in_schema=False)] = None,
    if_none_match: Annotated[str | None, Header(alias="If-None-Match")] = None,
) -> ImageRequest:
    """What the request's headers ask for."""
    return ImageRequest(accept, if_none_match)


async def get_image_id(
    image_id: Annotated[
        str,
        Path(
            description="Out of a finished job's `result.images`, of a concept's `certificate.pictures`, or of the "
            "`pictures` of a failed job's problem."
        ),
    ],
) -> str:
    """An id out of the path. What cannot be one is not looked for."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", image_id):
        raise Problem(problems.IMAGE_NOT_FOUND, f"No picture has the id {image_id!r}.")
    return image_id


ImageId = Annotated[str, Depends(get_image_id)]


@router.get(
    "/images/{image_id}",
    response_class=Response,
    responses={
        200: {
            "description": "The picture, or its record.",
            "model": ImageDocument,
            "content": {PNG: {"schema": {"type": "string", "format": "binary"}}},
        },
        304: {"description": "It has not changed; it never does."},
    },
)
async def get_image(
    image_id: ImageId,
    wanted: Annotated[ImageRequest, Depends(get_image_request)],
    services: ServicesDependency,
    holder: HolderDependency,
) -> Response:
    """A finished picture as PNG; with `Accept: application/json` its record."""
    media_type = wanted.media_type
    image = await services.read(lambda session: _document(session, holder, image_id))
    tag = f'"{image["digest"]}"' if media_type == PNG else f'"{image["digest"]}+json"'
    headers = {"ETag": tag, "Cache-Control": FOR_EVER, "Vary": "Accept"}
    if wanted.has(tag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    if media_type == JSON:
        return JSONResponse(image, headers=headers)
    data = await to_thread.run_sync(read_png, services.blobs, image["digest"])
    headers["Content-Disposition"] = f'inline; filename="{image["id"]}.png"'
    return Response(data, media_type=PNG, headers=headers)


def read_png(blobs: Blobs, digest: str) -> bytes:
    """The bytes of a picture.

    Raises:
        Problem: `image-gone` or `image-damaged`.
    """
    try:
        return blobs.get(digest)
    except BlobMissing as error:
        raise Problem(problems.IMAGE_GONE, "The picture's bytes were deleted.") from error
    except BlobDamaged as error:
        raise Problem(problems.IMAGE_DAMAGED, f"The bytes have the digest {error.found}.", digest=digest) from error


def _document(session: Session, holder: Holder, image_id: str) -> pictures.ImageDocument:
    image = images.get(session, image_id)
    check_picture(session, holder, image)
    return {
        **images.document(image),
        "job": f"/jobs/{image.job_id}",
        "digest": image.digest,
        "bytes": image.bytes,
        "signed": image.record.get("signed", False),
        "base_digest": image.base_digest,
        "mask": image.mask,
        "record": image.record,
        "replay": _replay(jobs.get(session, image.job_id), image),
        "created_at": timestamp(image.created_at),
    }


def _replay(job: Job, image: Image) -> pictures.ReplayDocument | None:
    """The request that made it, its mask by names ("active" may be another one by now) and its batches by their sizes.

    Whose record names no sizes was drawn in one batch with all pictures of its request.
    """
    if job.kind != "generate":
        return None
    asked: requests.PictureRequestDocument = job.request
    asked = {**asked, "erased": [concept["name"] for concept in image.mask["concepts"]]}
    if "batches" in image.record:
        return {"request": {**asked, "seed": image.seed, "count": 1, "batches": image.record["batches"]}, "row": 0}
    whole: requests.BatchSpan = {"size": asked["count"], "steps": asked["steps"]}
    return {"request": {**asked, "batches": [whole]}, "row": image.position}
