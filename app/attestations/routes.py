"""What stands for a concept, signed, and all that bears it out; and all that stands behind a picture."""

from typing import Any

from anyio import to_thread
from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from app.attestations.evidence import (
    Shown,
    ShownOfPicture,
    identity,
    pack,
    pack_picture,
    shown,
    shown_of_picture,
    standing,
)
from app.fields import SlugInPath
from app.holders import HolderDependency
from app.images.routes import ImageId, read_png
from app.permissions import check_evidence, check_picture
from app.problems.problem import PROBLEM_RESPONSE
from app.services import ServicesDependency
from sepme_core.provenance import bundle, envelope
from sepme_core.registry import attestations, images

router = APIRouter(responses=PROBLEM_RESPONSE)
ZIP: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file.",
        "content": {bundle.MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    }
}


class Signature(BaseModel):
    """Of the payload and its type, as DSSE spells them."""

    keyid: str = Field(description="The sha256 of the public key (SubjectPublicKeyInfo). A hint: keys decide.")
    sig: str = Field(description="Ed25519, in base64.")


class Envelope(BaseModel):
    """A DSSE envelope, protocol version 1."""

    payload_type: str = Field(alias="payloadType", description=f"`{envelope.IN_TOTO}`.")
    payload: str = Field(description="The statement, in base64: docs/attestations.md has its members.")
    signatures: list[Signature]


@router.get("/concepts/{name}/attestation", response_model=Envelope, tags=["concepts"])
async def get_attestation(name: SlugInPath, services: ServicesDependency) -> Response:
    """A signed statement of what stands for the concept, and since when it is erased or restored.

    Of the same state of the registry, the same bytes. Its subject is the increment's sha256.
    """

    def found(session: Session) -> bytes:
        return attestations.attest(session, standing(session, name))

    statement = await services.read(found)
    signed = await to_thread.run_sync(lambda: envelope.sign(statement, [identity(services.settings).key]))
    return Response(signed, media_type=envelope.MEDIA_TYPE)


@router.get("/concepts/{name}/bundle", response_class=Response, responses=ZIP, tags=["concepts"])
async def get_bundle(name: SlugInPath, services: ServicesDependency, holder: HolderDependency) -> Response:
    """Everything that bears the attestation out, in a zip file for `sepme verify --bundle`.

    The certificate, its pictures and their records, the audit of the concept, and who signed; `README.txt` in it says
    how it is checked by hand.
    """

    def found(session: Session) -> Shown:
        check_evidence(session, holder, name)
        return shown(session, name)

    read = await services.read(found)
    data = await to_thread.run_sync(lambda: pack(read, services.blobs, identity(services.settings)))
    return _sent(data, read.concept)


@router.get("/images/{image_id}/bundle", response_class=Response, responses=ZIP, tags=["images"])
async def get_bundle_of_picture(image_id: ImageId, services: ServicesDependency, holder: HolderDependency) -> Response:
    """Everything from the picture to the cases for which it lacks what it lacks, for `sepme verify --bundle`.

    The picture and its record, the certificate of each increment that it was drawn under, the audit of their concepts,
    and who signed. What an erasure was decided by is in its concept's bundle.
    """

    def found(session: Session) -> ShownOfPicture:
        image = images.get(session, image_id)
        check_picture(session, holder, image)
        return shown_of_picture(session, image)

    read = await services.read(found)
    png = await to_thread.run_sync(read_png, services.blobs, read.record["digest"])
    data = await to_thread.run_sync(lambda: pack_picture(read, png, identity(services.settings)))
    return _sent(data, image_id)


def _sent(data: bytes, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}.zip"'}
    return Response(data, media_type=bundle.MEDIA_TYPE, headers=headers)
