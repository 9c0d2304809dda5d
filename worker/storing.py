"""What the method made, put where the registry can name it: bytes as blobs, and what is recorded of them."""

from sepme_core.erasure import Made
from sepme_core.generation import Picture
from sepme_core.registry.blobs import Blobs
from sepme_core.registry.images import PictureRecord
from sepme_core.registry.jobs import StoredIncrement


def store_increment(blobs: Blobs, made: Made, seconds: float) -> StoredIncrement:
    """Store an increment and its evidence; `seconds` is how long it took to make."""
    data = made.increment.to_bytes()
    return StoredIncrement(
        digest=blobs.put(data),
        bytes=len(data),
        base_digest=made.increment.base_digest,
        reason=made.reason,
        certificate={**made.increment.certificate, "seconds": round(seconds, 2)},
        settings=dict(made.increment.metadata["settings"]),
        pictures=[store_picture(blobs, picture) for picture in made.pictures],
    )


def store_picture(blobs: Blobs, picture: Picture) -> PictureRecord:
    """Store a picture as PNG."""
    png = picture.to_png()
    return PictureRecord(
        digest=blobs.put(png),
        bytes=len(png),
        sha256=picture.sha256,
        seed=picture.seed,
        width=picture.width,
        height=picture.height,
        record=picture.record,
    )
