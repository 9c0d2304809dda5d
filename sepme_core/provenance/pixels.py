"""A picture as the service draws it, read without a library for pictures: its pixels' digest, and its record."""

import hashlib
import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sepme_core.documents.pictures import RECORD_ENTRY

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MOST_PIXELS = 2**24
CHANNELS = 3
CHECK_BYTES = 4
PLAIN = (8, 2, 0, 0, 0)
"""Eight bits, RGB, deflated, filtered, not interlaced: as pictures are written."""


class PictureUnreadable(Exception):
    """It is no PNG of the kind that the service draws; the message says why."""


@dataclass(frozen=True)
class Pixels:
    """What a picture's file holds.

    Attributes:
        sha256: of the raw pixels, RGB, row by row, in hexadecimal digits.
        record: what it says of itself; None where it says nothing.
    """

    sha256: str
    width: int
    height: int
    record: dict[str, Any] | None


def read(png: bytes) -> Pixels:
    """Read a picture.

    Raises:
        PictureUnreadable: where it cannot be.
    """
    chunks = list(_chunks(png))
    header = next((data for kind, data in chunks if kind == b"IHDR"), b"")
    if len(header) != struct.calcsize(">IIBBBBB"):
        raise PictureUnreadable("it has no header")
    width, height, *form = struct.unpack(">IIBBBBB", header)
    if tuple(form) != PLAIN:
        raise PictureUnreadable("it is not in 8 bits, RGB, not interlaced")
    if not 0 < width * height <= MOST_PIXELS:
        raise PictureUnreadable(f"it is of {width} x {height} pixels, and {MOST_PIXELS} are read at the most")
    packed = b"".join(data for kind, data in chunks if kind == b"IDAT")
    rows = _unfiltered(_inflated(packed, height * (1 + CHANNELS * width)), CHANNELS * width)
    return Pixels(hashlib.sha256(rows).hexdigest(), width, height, _record(chunks))


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    if not png.startswith(SIGNATURE):
        raise PictureUnreadable("it is no PNG")
    place = len(SIGNATURE)
    while place < len(png):
        length, kind = struct.unpack_from(">I4s", png, place) if place + 12 <= len(png) else (len(png), b"")
        data = png[place + 8 : place + 8 + length]
        check = png[place + 8 + length : place + 12 + length]
        if len(check) < CHECK_BYTES or struct.unpack(">I", check)[0] != zlib.crc32(kind + data):
            raise PictureUnreadable("it is cut off or damaged")
        yield kind, data
        place += 12 + length


def _record(chunks: list[tuple[bytes, bytes]]) -> dict[str, Any] | None:
    prefix = RECORD_ENTRY.encode() + b"\0"
    texts = [data.removeprefix(prefix) for kind, data in chunks if kind == b"tEXt" and data.startswith(prefix)]
    if not texts:
        return None
    if len(texts) > 1:
        raise PictureUnreadable("it has more than one record")
    try:
        record = json.loads(texts[0])
    except ValueError as error:
        raise PictureUnreadable("its record is not JSON") from error
    if not isinstance(record, dict):
        raise PictureUnreadable("its record is no JSON object")
    return record


def _inflated(packed: bytes, size: int) -> bytes:
    """No more than the header promises: a few bytes can be packed gigabytes."""
    unpacking = zlib.decompressobj()
    try:
        data = unpacking.decompress(packed, size + 1)
    except zlib.error as error:
        raise PictureUnreadable(f"its pixels cannot be unpacked: {error}") from error
    if len(data) != size or not unpacking.eof:
        raise PictureUnreadable("it has not as many pixels as its header says")
    return data


def _unfiltered(data: bytes, width: int) -> bytes:
    """Undo what each row's first byte names (PNG specification, section 9)."""
    above, rows = bytes(width), []
    for start in range(0, len(data), width + 1):
        row = bytearray(data[start + 1 : start + 1 + width])
        _unfilter(data[start], row, above)
        above = bytes(row)
        rows.append(above)
    return b"".join(rows)


def _unfilter(kind: int, row: bytearray, above: bytes) -> None:
    match kind:
        case 0:
            return
        case 1:
            for place in range(CHANNELS, len(row)):
                row[place] = (row[place] + row[place - CHANNELS]) & 255
        case 2:
            row[:] = bytes((value + over) & 255 for value, over in zip(row, above, strict=True))
        case 3:
            for place, value in enumerate(row):
                before = row[place - CHANNELS] if place >= CHANNELS else 0
                row[place] = (value + (before + above[place]) // 2) & 255
        case 4:
            for place, value in enumerate(row):
                before, corner = (row[place - CHANNELS], above[place - CHANNELS]) if place >= CHANNELS else (0, 0)
                row[place] = (value + _nearest(before, above[place], corner)) & 255
        case _:
            raise PictureUnreadable(f"a row is filtered by {kind}, which is no filter")


def _nearest(before: int, over: int, corner: int) -> int:
    """Whichever is nearest to before + over - corner, in this order where two are (Paeth)."""
    to_before, to_over, to_corner = abs(over - corner), abs(before - corner), abs(before + over - 2 * corner)
    if to_before <= to_over and to_before <= to_corner:
        return before
    return over if to_over <= to_corner else corner
