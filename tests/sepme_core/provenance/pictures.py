"""Pictures with a manifest, as a worker makes them, without a model."""

import hashlib
import json
from io import BytesIO
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from sepme_core.documents.requests import MaskDocument, MaskedConcept
from sepme_core.provenance.identity import Identity, open_identity
from sepme_core.provenance.manifest import Statement, sign, state
from sepme_core.settings import Settings

RECORD: Any = {
    "prompt": "a cat in sepia",
    "negative_prompt": "a fox",
    "seed": 7,
    "steps": 25,
    "guidance_scale": 7.5,
    "scheduler": "ddim",
    "width": 512,
    "height": 512,
    "batches": [{"size": 4, "steps": 3}, {"size": 8, "steps": 22}],
    "base_digest": "sha256:" + "a" * 64,
}


def identity_in(home: Path) -> Identity:
    return open_identity(Settings(home=home))


def authority_of(identity: Identity) -> str:
    return identity.chain[-1].public_bytes(Encoding.PEM).decode()


def plain(side: int = 16) -> tuple[bytes, str]:
    """A PNG with a text chunk, and the sha256 of its pixels."""
    image = Image.effect_noise((side, side), 40).convert("RGB")
    text = PngInfo()
    text.add_text("sepme", json.dumps(RECORD))
    out = BytesIO()
    image.save(out, "PNG", pnginfo=text)
    return out.getvalue(), hashlib.sha256(image.tobytes()).hexdigest()


def mask(count: int) -> MaskDocument:
    concepts: list[MaskedConcept] = [
        {"name": f"van-gogh-{number}", "version": 3, "digest": f"sha256:{number:064d}"} for number in range(count)
    ]
    return {"digest": "sha256:" + "b" * 64, "concepts": concepts}


def statement(sha256: str, *, concepts: int = 2, prompts: bool = False) -> Statement:
    return state(RECORD, mask(concepts), sha256, "job-of-this-picture-22", prompts=prompts)


def signed(identity: Identity, side: int = 16) -> bytes:
    png, sha256 = plain(side)
    return sign(png, statement(sha256), identity)
