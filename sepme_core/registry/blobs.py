"""Content-addressed bytes: increments and pictures, named by their sha256 and never changed.

A blob is there whole or not at all: it is written beside its place, flushed to the disk and renamed. What is read is
checked against its name. Nothing here knows who refers to a blob.
"""

import os
import re
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from sepme_core.canonical import digest_of_bytes
from sepme_core.registry.errors import BlobDamaged, BlobMissing

DIGEST_FORM = re.compile(r"sha256:[0-9a-f]{64}")
ABANDONED_SECONDS = 3600.0


class Blobs(Protocol):
    """A store of blobs."""

    def put(self, data: bytes) -> str:
        """Store `data` durably and return its digest; storing it again does nothing, or mends a damaged copy."""
        ...

    def get(self, digest: str) -> bytes:
        """Return the bytes.

        Raises:
            BlobMissing: where there are none.
            BlobDamaged: where they are not what the digest says.
            ValueError: where `digest` is not of the form `sha256:…`.
        """
        ...

    def holds(self, digest: str) -> bool:
        """Tell whether the bytes are there, and are what the digest says.

        Raises:
            ValueError: where `digest` is not of the form `sha256:…`.
        """
        ...

    def delete(self, digest: str) -> None:
        """Delete the bytes if they are there.

        Raises:
            ValueError: where `digest` is not of the form `sha256:…`.
        """
        ...


def open_blobs(url: str) -> Blobs:
    """Open the store at `url`: `file:///absolute/folder`, which is made where it is missing.

    Raises:
        ValueError: for another scheme, a host, or a path that is not absolute.
    """
    parts = urlsplit(url)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
        raise ValueError("the blob store must be file:///absolute/folder; buckets are not supported yet")
    return FolderBlobs(Path(unquote(parts.path)))


class FolderBlobs:
    """Blobs in a folder, `ab/cdef…`, spread over 256 subfolders by the first byte of the digest."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._incoming = folder / "incoming"
        self._incoming.mkdir(parents=True, exist_ok=True)
        self._sweep_incoming()

    def put(self, data: bytes) -> str:
        """See `Blobs.put`."""
        digest = digest_of_bytes(data)
        place = self._place(digest)
        if self.holds(digest):
            return digest
        place.parent.mkdir(exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=self._incoming)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fchmod(file.fileno(), 0o644)  # mkstemp makes it private to one user; the API may run as another
                os.fsync(file.fileno())
            Path(name).replace(place)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        _flush_folder(place.parent)
        _flush_folder(self._folder)
        return digest

    def get(self, digest: str) -> bytes:
        """See `Blobs.get`."""
        try:
            data = self._place(digest).read_bytes()
        except FileNotFoundError as error:
            raise BlobMissing(digest) from error
        found = digest_of_bytes(data)
        if found != digest:
            raise BlobDamaged(digest, found)
        return data

    def holds(self, digest: str) -> bool:
        """See `Blobs.holds`."""
        try:
            return digest_of_bytes(self._place(digest).read_bytes()) == digest
        except FileNotFoundError:
            return False

    def delete(self, digest: str) -> None:
        """See `Blobs.delete`."""
        self._place(digest).unlink(missing_ok=True)

    def _place(self, digest: str) -> Path:
        if not DIGEST_FORM.fullmatch(digest):
            raise ValueError(f"{digest!r} is not a digest of the form sha256:<64 hexadecimal digits>")
        hexadecimal = digest.removeprefix("sha256:")
        return self._folder / hexadecimal[:2] / hexadecimal[2:]

    def _sweep_incoming(self) -> None:
        """Remove what a process that died left half written; younger files may be another process's at work."""
        oldest = time.time() - ABANDONED_SECONDS
        for file in self._incoming.iterdir():
            with suppress(FileNotFoundError):
                if file.stat().st_mtime < oldest:
                    file.unlink()


def _flush_folder(folder: Path) -> None:
    """Make a rename last: the folder's own entry must reach the disk too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
