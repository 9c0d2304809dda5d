"""A bundle: all that is shown of a concept or a picture, in one zip file that anybody can check without asking us."""

import io
import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

from sepme_core.canonical import canonical_json, digest_of_bytes
from sepme_core.provenance import chain, envelope, statement
from sepme_core.provenance.identity import Identity

ATTESTATION, CERTIFICATE, AUDIT = "attestation.json", "certificate.json", "audit.json"
CHAIN, FILES, README = "signing-chain.pem", "files.json", "README.txt"
PICTURES, PICTURE, RECORD, CERTIFICATES = "pictures/", "picture.png", "picture.json", "certificates/"
BY_HAND, BY_HAND_HERE = "readme-by-hand.txt", "{by hand}\n"
MEDIA_TYPE = "application/zip"
LONG_AGO = (1980, 1, 1, 0, 0, 0)
MOST_FILES, MOST_BYTES = 10_000, 2**30
UNIX, OWNERS = 3, 0o100644 << 16


class BundleUnreadable(Exception):
    """It is no bundle that could be looked at; the message says why."""


def picture_name(picture_id: str) -> str:
    """Return the name of a picture's file."""
    return f"{PICTURES}{picture_id}.png"


def record_name(picture_id: str) -> str:
    """Return the name of the file with a picture's record."""
    return f"{PICTURES}{picture_id}.json"


def certificate_name(concept: str) -> str:
    """Return the name of the file with the certificate of an increment that a picture was drawn under."""
    return f"{CERTIFICATES}{concept}.json"


def shown(
    attestation: bytes,
    certificate: Mapping[str, Any],
    entries: Sequence[Mapping[str, Any]],
    pictures: Mapping[str, tuple[Mapping[str, Any], bytes]],
) -> dict[str, bytes]:
    """Return what a bundle shows, by the names of the files.

    Args:
        attestation: the envelope.
        certificate: of the version that stands.
        entries: the audit's, from the concept's first to the end.
        pictures: records and PNGs by id.
    """
    files = {
        ATTESTATION: attestation,
        CERTIFICATE: canonical_json(certificate),
        AUDIT: canonical_json({"entries": entries}),
    }
    for picture_id, (record, png) in pictures.items():
        files |= {record_name(picture_id): canonical_json(record), picture_name(picture_id): png}
    return files


def of_picture(
    attestation: bytes,
    certificates: Mapping[str, Mapping[str, Any]],
    entries: Sequence[Mapping[str, Any]],
    record: Mapping[str, Any],
    png: bytes,
) -> dict[str, bytes]:
    """Return what a picture's bundle shows, by the names of the files.

    Args:
        attestation: the envelope.
        certificates: of the increments that it was drawn under, by concept.
        entries: the audit's, from the first of any of these concepts to the end.
        record: the picture with its record.
        png: its file.
    """
    by_name = {certificate_name(concept): canonical_json(each) for concept, each in certificates.items()}
    audit = canonical_json({"entries": entries})
    return {ATTESTATION: attestation, AUDIT: audit, RECORD: canonical_json(record), PICTURE: png, **by_name}


def pack(files: Mapping[str, bytes], of: statement.FilesPredicate, identity: Identity) -> bytes:
    """Return the zip file: the same files and identity, the same bytes."""
    whole = {**files, CHAIN: chain.to_pem(identity.chain), README: _readme("picture" if "picture" in of else "concept")}
    subjects = [statement.subject(name, digest_of_bytes(whole[name])) for name in sorted(whole)]
    listed = statement.spelt(statement.FILES, subjects, cast("Mapping[str, Any]", of))
    return zipped({**whole, FILES: envelope.sign(listed, [identity.key])})


def _readme(of: str) -> bytes:
    """What is in the bundle, and how it is checked by hand, which is the same for all."""
    here = Path(__file__)
    by_hand = here.with_name(BY_HAND).read_text(encoding="utf-8")
    return here.with_name(f"readme-of-{of}.txt").read_text(encoding="utf-8").replace(BY_HAND_HERE, by_hand).encode()


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Return a zip file of nothing but these: no times, no compression, which differs by library."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, LONG_AGO)
            entry.create_system, entry.external_attr = UNIX, OWNERS
            archive.writestr(entry, files[name])
    return out.getvalue()


def unzipped(file: Path | BinaryIO) -> dict[str, bytes]:
    """Return the files in a bundle, however it was zipped. What is damaged is given as far as it can be read.

    Raises:
        BundleUnreadable: where it is no zip file, is no bundle, or holds more than is read.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            return _read(archive)
    except OSError as error:
        raise BundleUnreadable(f"{file} cannot be read: {error.strerror or error}") from error
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise BundleUnreadable(f"{file} is no zip file that can be read: {error}") from error


def _read(archive: zipfile.ZipFile) -> dict[str, bytes]:
    entries = [each for each in archive.infolist() if not each.is_dir()]
    names = [each.filename for each in entries]
    if len(names) > MOST_FILES or sum(each.file_size for each in entries) > MOST_BYTES:
        raise BundleUnreadable(f"it holds more than {MOST_FILES} files, or {MOST_BYTES} bytes, which no bundle does")
    if len(set(names)) != len(names):
        raise BundleUnreadable("it holds two files of one name, of which each reader takes another")
    if not {ATTESTATION, FILES} & set(names):
        raise BundleUnreadable(f"it is no bundle of `sepme bundle`: it holds neither {ATTESTATION} nor {FILES}")
    return {each.filename: _content(archive, each) for each in entries}


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """What the zip file's own check sum refuses is as good as empty: whoever looks on finds which file was changed."""
    try:
        return archive.read(entry)
    except (zipfile.BadZipFile, zlib.error):
        return b""


def parsed(data: bytes) -> Any:
    """Return the JSON of one of a bundle's files.

    Raises:
        ValueError: where it is none.
    """
    return json.loads(data)
