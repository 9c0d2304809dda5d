"""A picture's manifest: what made it, by which mask and settings, signed and embedded in its PNG (C2PA)."""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from io import BytesIO
from typing import Any, NotRequired, TypedDict

import c2pa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sepme_core.documents.pictures import PictureRecordDocument
from sepme_core.documents.requests import BatchSpan, MaskDocument
from sepme_core.provenance.identity import Identity

LABEL = "org.sepme.mask"
GENERATOR = "sepme"
MADE_BY_A_MODEL = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
NO_NETWORK = {
    "verify": {"verify_after_sign": False, "ocsp_fetch": False, "remote_manifest_fetch": False},
    "builder": {"thumbnail": {"enabled": False}},
}


class EvidenceConcept(TypedDict):
    """A concept of a mask whose increment is looked at, and has no version yet."""

    name: str
    digest: str


class EvidenceMask(TypedDict):
    """What was erased in a picture by which that is decided."""

    digest: str
    concepts: Sequence[EvidenceConcept]


StatedMask = MaskDocument | EvidenceMask


class Statement(TypedDict):
    """What is stated of a picture, under the label `org.sepme.mask`."""

    base_digest: str
    mask: StatedMask
    seed: int
    steps: int
    guidance_scale: float
    scheduler: str
    width: int
    height: int
    batches: NotRequired[Sequence[BatchSpan]]
    sha256: str
    job: str
    prompt: NotRequired[str]
    negative_prompt: NotRequired[str]


class CannotSign(Exception):
    """The picture could not be signed; the text says why."""


def state(record: PictureRecordDocument, mask: StatedMask, sha256: str, job: str, *, prompts: bool) -> Statement:
    """What is stated of a picture with this record; what it shows in words only where ``prompts`` are wanted."""
    statement: Statement = {
        "base_digest": record["base_digest"],
        "mask": mask,
        "seed": record["seed"],
        "steps": record["steps"],
        "guidance_scale": record["guidance_scale"],
        "scheduler": record["scheduler"],
        "width": record["width"],
        "height": record["height"],
        "sha256": sha256,
        "job": job,
    }
    if "batches" in record:
        statement["batches"] = record["batches"]
    if prompts:
        statement["prompt"] = record["prompt"]
        statement["negative_prompt"] = record["negative_prompt"]
    return statement


def sign(png: bytes, statement: Statement, identity: Identity) -> bytes:
    """The picture with the statement in it, signed. Nothing is fetched, and no clock but this machine's is asked.

    Raises:
        CannotSign: it cannot be done.
    """
    signed = BytesIO()
    try:
        with _signer(identity) as signer, c2pa.Context.from_dict(NO_NETWORK) as context:
            c2pa.Builder(_definition(statement), context).sign(signer, "image/png", BytesIO(png), signed)
    except c2pa.C2paError as error:
        raise CannotSign(str(error)) from error
    return signed.getvalue()


def _definition(statement: Statement) -> Mapping[str, Any]:
    made = {"action": "c2pa.created", "digitalSourceType": MADE_BY_A_MODEL}
    return {
        "claim_generator_info": [{"name": GENERATOR, "version": _version()}],
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": [made]}, "created": True},
            {"label": LABEL, "data": statement, "created": True},
        ],
    }


@cache
def _version() -> str:
    """Slow to look up, and not to be had where nothing is installed, which only reads manifests."""
    return version("sepme")


def _signer(identity: Identity) -> c2pa.Signer:
    """Made anew for each picture: it takes a millisecond, and holds the key no longer than that.

    A certificate that vouches for itself is left out: whoever trusts it has it, and nobody else is helped by it.
    """
    chain = [each for each in identity.chain if each.subject != each.issuer]
    certificates = b"".join(each.public_bytes(Encoding.PEM) for each in chain)
    key = identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"ed25519", certificates, key, None))
