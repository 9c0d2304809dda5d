"""Pictures of requests as a worker publishes them, signed, without a model."""

import hashlib
import json
from io import BytesIO
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.generation.acceptance import accept
from app.generation.schemas import GenerateBody
from app.holders import EVERYBODY
from sepme_core.canonical import canonical_json, digest_of_bytes
from sepme_core.documents.pictures import RECORD_ENTRY
from sepme_core.provenance import bundle
from sepme_core.provenance.identity import Identity
from sepme_core.provenance.manifest import sign, state
from sepme_core.registry import jobs
from sepme_core.registry.blobs import Blobs
from sepme_core.registry.database import reading, writing
from sepme_core.registry.images import PictureRecord
from tests.app import working


def asked(engine: Engine, erased: Any) -> str:
    """The id of a job for a picture."""
    with writing(engine) as session:
        return accept(session, GenerateBody(prompt="a cat", erased=erased, seed=5), EVERYBODY)


def picture(engine: Engine, blobs: Blobs, job_id: str, identity: Identity | None) -> str:
    """Draw a job's picture, sign it, publish it; returns its id."""
    claimed: Any = working.claim(engine, job_id)
    mask, base, request = claimed.pinned["mask"], claimed.pinned["base_digest"], claimed.request
    applied = [{"concept": each["name"], "digest": each["digest"]} for each in mask["concepts"]]
    wanted = ("prompt", "negative_prompt", "seed", "steps", "guidance_scale", "scheduler", "width", "height")
    record: Any = {name: request[name] for name in wanted}
    record |= {"row": 0, "batch_size": 1, "base_digest": base, "increments": applied, "signed": identity is not None}
    png, sha256 = drawn(record, mask, job_id, identity)
    stored = PictureRecord(blobs.put(png), len(png), sha256, record["seed"], record["width"], record["height"], record)
    with writing(engine) as session:
        assert jobs.publish_pictures(session, claimed, images=[stored], mask=mask, base_digest=base)
    with reading(engine) as session:
        return listed(session, job_id)


def listed(session: Session, job_id: str) -> str:
    found: Any = jobs.get(session, job_id).result
    return str(found["images"][0]["id"])


def drawn(record: Any, mask: Any, job_id: str, identity: Identity | None, colour: int = 7) -> tuple[bytes, str]:
    """A PNG with this record in it, and a manifest of it, and the sha256 of its pixels."""
    image, text, out = Image.new("RGB", (64, 64), (colour, 0, 0)), PngInfo(), BytesIO()
    text.add_text(RECORD_ENTRY, json.dumps(record, sort_keys=True))
    image.save(out, "PNG", pnginfo=text)
    sha256 = hashlib.sha256(image.tobytes()).hexdigest()
    if identity is None:
        return out.getvalue(), sha256
    return sign(out.getvalue(), state(record, mask, sha256, job_id, prompts=False), identity), sha256


def without_metadata(png: bytes) -> bytes:
    """The same pixels, written anew by another program."""
    out = BytesIO()
    Image.open(BytesIO(png)).save(out, "PNG")
    return out.getvalue()


def replaced(files: dict[str, bytes], png: bytes, document: Any) -> dict[str, bytes]:
    """A picture's bundle with another file for it, of which its record says so."""
    document["digest"] = digest_of_bytes(png)
    return {**files, bundle.PICTURE: png, bundle.RECORD: canonical_json(document)}
