"""What a manifest lies in: a chunk of a PNG, in it boxes of JUMBF (ISO 19566-5), in one of them COSE (RFC 9052).

Readers of C2PA pass over some of it: checksums, names of boxes, filling. It says nothing, so they may; here it must be
as it is made, so that no byte of a file can be changed unnoticed.
"""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

PNG = b"\x89PNG\r\n\x1a\n"
CHUNK = b"caBX"
STORE, CLAIM, ASSERTIONS, SIGNATURE = "c2pa", "c2pa.claim.v2", "c2pa.assertions", "c2pa.signature"
FILLING = {"pad", "pad2"}
X5CHAIN = 33
NAMED, SALTED = 0x03, 0x13
"""What a box's flags say: that it has a name, and salt too."""
SIGNATURE_PARTS = 4


class ContainerBroken(ValueError):
    """A file is not as it was made; the text says where."""


def chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a PNG, kind and content each, to the last byte of the file.

    Raises:
        ContainerBroken: one is damaged, or something comes after the last.
    """
    at, kind = len(PNG), b""
    while at < len(png):
        if kind == b"IEND":
            raise ContainerBroken("something comes after the picture's end")
        head = png[at : at + 8]
        length = int.from_bytes(head[:4], "big")
        kind, content, checksum = head[4:], png[at + 8 : at + 8 + length], png[at + 8 + length : at + 12 + length]
        if len(checksum) < 4 or zlib.crc32(kind + content) != int.from_bytes(checksum, "big"):  # noqa: PLR2004
            raise ContainerBroken(f"the chunk at byte {at} is damaged: its checksum does not hold")
        yield kind, content
        at += 12 + length
    if kind != b"IEND":
        raise ContainerBroken("the file is cut off")


def manifest_in(png: bytes) -> bytes | None:
    """The store of manifests that a PNG holds, None where it holds none.

    Raises:
        ContainerBroken: the file is damaged, or holds several.
    """
    found = [content for kind, content in list(chunks(png)) if kind == CHUNK]
    if len(found) > 1:
        raise ContainerBroken("it holds several stores of manifests")
    return found[0] if found else None


@dataclass(frozen=True)
class Box:
    """A box of JUMBF: what it is, its name, where it has one, and what is in it."""

    kind: bytes
    label: str
    content: bytes
    boxes: tuple["Box", ...] = ()

    def named(self, label: str) -> "Box":
        """The one box in it of this name."""
        found = [box for box in self.boxes if box.label == label]
        if len(found) != 1:
            raise ContainerBroken(f"the manifest has no box {label}, or several")
        return found[0]


def certificate_in(store: bytes, manifest: str) -> bytes:
    """The certificate that vouches for the signature of the only manifest of a store, DER, once the frame is looked at.

    Raises:
        ContainerBroken: the store is not framed as it was made.
    """
    (outer,) = _whole(_boxes(store), 1)
    if outer.label != STORE:
        raise ContainerBroken(f"the store is called {outer.label!r}")
    (inner,) = _whole(outer.boxes, 1)
    if inner.label != manifest or {box.label for box in inner.boxes} != {CLAIM, ASSERTIONS, SIGNATURE}:
        raise ContainerBroken("the manifest's boxes are not those that were made")
    (signature,) = _whole(inner.named(SIGNATURE).boxes, 1)
    try:
        parts, end = _cbor(signature.content, 0)
        protected, unprotected, detached, _ = parts
        if end != len(signature.content) or len(parts) != SIGNATURE_PARTS or detached is not None:
            raise ContainerBroken("the signature is not as it was made")
        headers, _ = _cbor(protected, 0)
    except (TypeError, ValueError, LookupError) as error:
        raise ContainerBroken("the signature is not as it was made") from error
    _check_filling(unprotected)
    chain = headers.get(X5CHAIN)
    leaf = chain[0] if isinstance(chain, list) else chain
    if not isinstance(leaf, bytes):
        raise ContainerBroken("the signature names no certificate")
    return leaf


def _check_filling(unprotected: Mapping[Any, Any]) -> None:
    """Nothing that was not signed may stand beside the signature."""
    if not set(unprotected) <= FILLING or any(any(filling) for filling in unprotected.values()):
        raise ContainerBroken("the filling beside the signature was changed")


def _whole(boxes: tuple[Box, ...], count: int) -> tuple[Box, ...]:
    if len(boxes) != count:
        raise ContainerBroken(f"{len(boxes)} boxes are where {count} was made")
    return boxes


def _boxes(data: bytes) -> tuple[Box, ...]:
    """The boxes that data is made of, without a byte left over."""
    found, at = [], 0
    while at < len(data):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if length < 8 or at + length > len(data):  # noqa: PLR2004
            raise ContainerBroken("a box of the manifest does not end where it says")
        content = data[at + 8 : at + length]
        if kind == b"jumb":
            described, *inner = _boxes(content) or (Box(b"", "", b""),)
            found.append(Box(kind, described.label, content, tuple(inner)))
        else:
            found.append(Box(kind, _label(content) if kind == b"jumd" else "", content))
        at += length
    return tuple(found)


def _label(description: bytes) -> str:
    """The name in a description box: after 16 bytes of kind and one of flags, to the first zero."""
    label, zero, rest = description[17:].partition(b"\0")
    if not zero or description[16] != (SALTED if rest else NAMED):
        raise ContainerBroken("a box of the manifest is not described as it was made")
    return label.decode("utf-8", "replace")


def _cbor(data: bytes, at: int) -> tuple[Any, int]:
    """The value at a place and where it ends (RFC 8949), of what a signature is made of: no fractions, no streams."""
    major, short = data[at] >> 5, data[at] & 31
    at += 1
    width = {24: 1, 25: 2, 26: 4, 27: 8}.get(short, 0)
    if short > 27:  # noqa: PLR2004
        raise ValueError("a length that is not said")
    number = int.from_bytes(data[at : at + width], "big") if width else short
    at += width
    if major in (0, 1):
        return (number if major == 0 else -1 - number), at
    if major in (2, 3):
        if at + number > len(data):
            raise ValueError("it is cut off")
        text = data[at : at + number]
        return (text if major == 2 else text.decode()), at + number  # noqa: PLR2004
    if major in (4, 5):
        values = []
        for _ in range(number * (major - 3)):
            value, at = _cbor(data, at)
            values.append(value)
        return (values if major == 4 else dict(zip(values[::2], values[1::2], strict=True))), at  # noqa: PLR2004
    if major == 6:  # noqa: PLR2004 (a tag, which says that a signature follows)
        return _cbor(data, at)
    return {20: False, 21: True, 22: None}[number], at
