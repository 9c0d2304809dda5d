import random
import struct
import zlib
from io import BytesIO
from pathlib import Path

import c2pa
import pytest
from PIL import Image

from sepme_core.provenance import container, manifest
from sepme_core.provenance.inspection import Inspection, NoPicture, inspect
from sepme_core.provenance.manifest import sign
from tests.sepme_core.provenance.pictures import authority_of, identity_in, plain, signed, statement

FLIPS = 150
Chunk = tuple[bytes, int, int]


def places(png: bytes) -> list[Chunk]:
    """Kind, beginning and end of the content of each chunk."""
    found, at = [], len(container.PNG)
    for kind, content in container.chunks(png):
        found.append((kind, at + 8, at + 8 + len(content)))
        at += 12 + len(content)
    return found


def flipped(png: bytes, at: int, bit: int, chunk: Chunk | None = None) -> bytes:
    """One bit changed; in a chunk whose checksum is made to hold again, where one is given."""
    changed = bytearray(png)
    changed[at] ^= 1 << bit
    if chunk is not None:
        _, begin, end = chunk
        changed[end : end + 4] = struct.pack(">I", zlib.crc32(changed[begin - 4 : end]))
    return bytes(changed)


def looked_at(png: bytes) -> Inspection | None:
    try:
        return inspect(png)
    except NoPicture:
        return None


def test_a_picture_as_it_was_signed_is_valid_and_says_by_whom(tmp_path: Path) -> None:
    identity = identity_in(tmp_path)
    found = inspect(signed(identity))
    assert (found.state, found.reason) == ("valid", None)
    assert found.signer
    assert (found.signer.subject, found.signer.keyid) == (identity.subject, identity.keyid)
    assert found.signer.known is None
    assert found.statement
    assert [each["name"] for each in found.statement["mask"]["concepts"]] == ["van-gogh-0", "van-gogh-1"]


def test_a_signer_is_held_against_authorities(tmp_path: Path) -> None:
    identity, stranger = identity_in(tmp_path / "one"), identity_in(tmp_path / "other")
    png = signed(identity)
    known, unknown = inspect(png, authority_of(identity)), inspect(png, authority_of(stranger))
    assert (known.state, known.signer and known.signer.known) == ("valid", True)
    assert (unknown.state, unknown.signer and unknown.signer.known) == ("invalid", False)
    assert unknown.reason == "none of the authorities given vouches for its signer"


def test_a_byte_that_was_changed_anywhere_is_invalid(tmp_path: Path) -> None:
    png = signed(identity_in(tmp_path))
    dice = random.Random(0)
    for at in dice.sample(range(len(png)), FLIPS):
        found = looked_at(flipped(png, at, dice.randrange(8)))
        assert found is None or (found.state == "invalid" and found.reason), at


def test_a_checksum_that_does_not_hold_is_named(tmp_path: Path) -> None:
    """Of the manifest's own chunk too, which readers of C2PA pass over."""
    png = signed(identity_in(tmp_path))
    for _, begin, end in places(png):
        said = f"the chunk at byte {begin - 8} is damaged: its checksum does not hold"
        assert inspect(flipped(png, end + 3, 0)) == Inspection("invalid", said)


def test_so_is_one_whose_checksum_was_made_to_hold_again(tmp_path: Path) -> None:
    """In pixels, in the record, and in all of the manifest, of which readers of C2PA pass over a third."""
    png = signed(identity_in(tmp_path))
    dice = random.Random(0)
    chunks = {kind: (kind, begin, end) for kind, begin, end in places(png)}
    assert {b"caBX", b"tEXt", b"IDAT"} <= chunks.keys()
    for kind in (b"caBX", b"caBX", b"tEXt", b"IDAT"):
        _, begin, end = chunks[kind]
        for at in dice.sample(range(begin, end), min(FLIPS, end - begin)):
            found = inspect(flipped(png, at, dice.randrange(8), chunks[kind]))
            assert (found.state, bool(found.reason)) == ("invalid", True), (kind, at)


@pytest.mark.parametrize("kind", [b"tEXt", b"IDAT", b"IHDR"])
def test_any_reader_of_c2pa_says_so_too(tmp_path: Path, kind: bytes) -> None:
    png = signed(identity_in(tmp_path))
    chunk = next(each for each in places(png) if each[0] == kind)
    changed = flipped(png, chunk[1] + 1, 3, chunk)
    assert c2pa.Reader("image/png", BytesIO(changed)).get_validation_state() == "Invalid"
    assert c2pa.Reader("image/png", BytesIO(png)).get_validation_state() == "Valid"


@pytest.mark.parametrize(
    ("added", "reason"),
    [
        ("after the end", "something comes after the picture's end"),
        ("another manifest", "it holds several stores of manifests"),
        ("a chunk", "assertion.dataHash.mismatch"),
    ],
)
def test_what_was_added_is_invalid(tmp_path: Path, added: str, reason: str) -> None:
    png = signed(identity_in(tmp_path))
    _, begin, end = next(each for each in places(png) if each[0] == b"caBX")
    note = b"tEXtnote\0added"
    changed = {
        "after the end": png + b"!",
        "another manifest": png[: end + 4] + png[begin - 8 : end + 4] + png[end + 4 :],
        "a chunk": png[:33] + struct.pack(">I", len(note) - 4) + note + struct.pack(">I", zlib.crc32(note)) + png[33:],
    }[added]
    found = inspect(changed)
    assert found.state == "invalid"
    assert str(found.reason).startswith(reason)


def test_a_picture_without_a_manifest_is_unsigned(tmp_path: Path) -> None:
    png, _ = plain()
    assert inspect(png).state == "unsigned"
    stripped = BytesIO()
    Image.open(BytesIO(signed(identity_in(tmp_path)))).save(stripped, "PNG")
    assert inspect(stripped.getvalue()).state == "unsigned"


def test_a_statement_of_other_pixels_is_invalid(tmp_path: Path) -> None:
    png, _ = plain()
    found = inspect(sign(png, statement("0" * 64), identity_in(tmp_path)))
    assert (found.state, found.reason) == ("invalid", "its pixels are not those that its manifest states")


def test_a_manifest_of_another_program_is_told_from_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "GENERATOR", "scissors")
    found = inspect(signed(identity_in(tmp_path)))
    assert (found.state, found.signer) == ("invalid", None)
    assert found.reason == "its manifest holds, and states no mask: it is one of scissors"


def test_what_is_no_png_cannot_be_read() -> None:
    with pytest.raises(NoPicture):
        inspect(b"GIF89a")
