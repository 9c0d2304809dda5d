"""GET /studio/static/…: styles and scripts, packed once, under an address that changes whenever one of them does."""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Header
from fastapi.responses import Response

from app.problems import Problem
from sepme_core import problems

FOLDER = Path(__file__).parent / "static"
FOR_EVER = "public, max-age=31536000, immutable"
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".md": "text/markdown; charset=utf-8",
}
router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class Asset:
    """A file as it is sent."""

    body: bytes
    packed: bytes
    media_type: str


def _read(folder: Path) -> Mapping[str, Asset]:
    """All files of a folder, by their paths in it."""
    found = {}
    for file in sorted(folder.rglob("*")):
        if file.suffix in MEDIA_TYPES:
            body = file.read_bytes()
            packed = gzip.compress(body, mtime=0)
            found[file.relative_to(folder).as_posix()] = Asset(body, packed, MEDIA_TYPES[file.suffix])
    return found


ASSETS = _read(FOLDER)
DIGEST = sha256(b"".join(name.encode() + asset.body for name, asset in ASSETS.items())).hexdigest()[:16]
"""Of all files together: a module finds the others beside it, so that they are of one release."""


def accepts_gzip(accepted: str) -> bool:
    """Whether `Accept-Encoding` names gzip, not at the quality 0 (RFC 9110, section 12.5.3)."""
    for part in accepted.lower().split(","):
        coding, *parameters = (piece.strip() for piece in part.split(";"))
        if coding == "gzip":
            return not any(
                parameter.replace(" ", "") in ("q=0", "q=0.0", "q=0.00", "q=0.000") for parameter in parameters
            )
    return False


@router.get("/studio/static/{digest}/{name:path}")
async def get_asset(
    digest: str, name: str, accept_encoding: Annotated[str, Header(include_in_schema=False)] = ""
) -> Response:
    """A file, for ever under its own digest; under another release's the present one, to be asked for again."""
    asset = ASSETS.get(name)
    if asset is None:
        raise Problem(problems.PATH_NOT_FOUND, f"The studio has no file {name!r}.")
    headers = {"Cache-Control": FOR_EVER if digest == DIGEST else "no-cache", "Vary": "Accept-Encoding"}
    if not accepts_gzip(accept_encoding):
        return Response(asset.body, media_type=asset.media_type, headers=headers)
    return Response(asset.packed, media_type=asset.media_type, headers={**headers, "Content-Encoding": "gzip"})
