import hashlib
import io
import json
import random
import struct
import zlib

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from sepme_core.documents.pictures import RECORD_ENTRY
from sepme_core.provenance import pixels
from sepme_core.provenance.pixels import PictureUnreadable


def picture(mode: str = "RGB") -> Image.Image:
    """One on whose rows a PNG's writer tries every filter."""
    chance = random.Random(0)
    image = Image.new("RGB", (48, 40))
    image.putdata([(x * 5 % 256, (x + y) * 3 % 256, chance.randrange(8)) for y in range(40) for x in range(48)])
    return image.convert(mode)


def written(image: Image.Image, *texts: str) -> bytes:
    out, info = io.BytesIO(), PngInfo()
    for text in texts:
        info.add_text(RECORD_ENTRY, text)
    image.save(out, "PNG", pnginfo=info)
    return out.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def filtered_by(kind: int, width: int = 3) -> bytes:
    rows = b"".join(bytes([kind, *(row + place for place in range(3 * width))]) for row in (7, 250 - 3 * width, 90))
    header = struct.pack(">IIBBBBB", width, 3, 8, 2, 0, 0, 0)
    return pixels.SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("png", [written(picture()), *(filtered_by(kind) for kind in range(5))])
def test_pixels_are_those_that_a_library_for_pictures_reads(png: bytes) -> None:
    image = Image.open(io.BytesIO(png))
    found = pixels.read(png)
    assert (found.width, found.height) == image.size
    assert found.sha256 == hashlib.sha256(image.convert("RGB").tobytes()).hexdigest()


def test_the_record_is_that_in_the_file() -> None:
    assert pixels.read(written(picture(), json.dumps({"seed": 7}))).record == {"seed": 7}
    assert pixels.read(written(picture())).record is None


GOOD = written(picture(), "{}")
HUGE = pixels.SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", 2**16, 2**16, 8, 2, 0, 0, 0))
BOMB = filtered_by(0)[:33] + chunk(b"IDAT", zlib.compress(bytes(10**6))) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("png", "reason"),
    [
        (b"GIF89a", "no PNG"),
        (GOOD[:-5], "cut off"),
        (GOOD[:200] + bytes([GOOD[200] ^ 1]) + GOOD[201:], "damaged"),
        (written(picture("L")), "8 bits, RGB"),
        (written(picture(), "{}", "{}"), "more than one record"),
        (written(picture(), "{"), "not JSON"),
        (written(picture(), "[]"), "no JSON object"),
        (filtered_by(5), "no filter"),
        (pixels.SIGNATURE + chunk(b"IEND", b""), "no header"),
        (HUGE, "65536 x 65536"),
        (BOMB, "not as many pixels"),
    ],
)
def test_what_is_no_picture_of_the_service_is_refused_with_the_reason(png: bytes, reason: str) -> None:
    with pytest.raises(PictureUnreadable, match=reason):
        pixels.read(png)
