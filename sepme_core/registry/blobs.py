"""Content-addressed bytes: increments and pictures, named by their sha256 and never changed.

A blob is there whole or not at all: it is written beside its place, flushed to the disk and renamed. What is read is
checked against its name. Nothing here knows who refers to a blob.
"""

import fcntl
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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

    def belong_to(self, mark: str) -> bool:
        """Tell whether the store is that of the registry with this mark; the first to ask has it."""
        ...

    def untouched(self, seconds: float) -> Iterator[str]:
        """Yield the digests of all that was not stored, nor stored again, for as long."""
        ...

    def leave(self, digest: str) -> float:
        """Mark what is to be deleted, unless it is; return for how many seconds it has been."""
        ...

    def stay(self, digest: str) -> None:
        """Take the mark away, if there is one."""
        ...

    def delete_untouched(self, digest: str, seconds: float) -> bool:
        """Delete the bytes and their mark, unless they were stored again in the last `seconds`; tell whether it did.

        Never between another's finding them there and their counting as stored again.
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
        self._leaving = folder / "leaving"
        self._incoming.mkdir(parents=True, exist_ok=True)
        self._make_subfolders()
        self._sweep_incoming()

    def put(self, data: bytes) -> str:
        """See `Blobs.put`."""
        digest = digest_of_bytes(data)
        place = self._place(digest)
        if self._renewed(digest):
            return digest
        self._make_subfolder(place.parent)
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

    def belong_to(self, mark: str) -> bool:
        """See `Blobs.belong_to`."""
        file = self._folder / "registry"
        with self._locked(fcntl.LOCK_EX):
            if not file.exists():
                file.write_text(mark, encoding="ascii")
            return file.read_text(encoding="ascii") == mark

    def untouched(self, seconds: float) -> Iterator[str]:
        """See `Blobs.untouched`."""
        for folder in sorted(self._folder.glob("[0-9a-f][0-9a-f]")):
            for file in sorted(folder.iterdir()):
                digest = f"sha256:{folder.name}{file.name}"
                if DIGEST_FORM.fullmatch(digest) and _age(file) >= seconds:
                    yield digest

    def leave(self, digest: str) -> float:
        """See `Blobs.leave`."""
        mark = self._mark(digest)
        if not mark.exists():
            self._leaving.mkdir(exist_ok=True)
            mark.touch()
        return _age(mark)

    def stay(self, digest: str) -> None:
        """See `Blobs.stay`."""
        self._mark(digest).unlink(missing_ok=True)

    def delete_untouched(self, digest: str, seconds: float) -> bool:
        """See `Blobs.delete_untouched`."""
        with self._locked(fcntl.LOCK_EX):
            if _age(self._place(digest)) < seconds:
                return False
            self.delete(digest)
        self.stay(digest)
        return True

    def _renewed(self, digest: str) -> bool:
        """Make bytes that are there as young as if they were written now: who puts them is about to refer to them."""
        with self._locked(fcntl.LOCK_SH):
            if not self.holds(digest):
                return False
            try:
                os.utime(self._place(digest))
            except PermissionError:  # another user's file: it is written anew
                return False
            return True

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        """Hold the store's lock, which processes share: many that put, or one that deletes."""
        descriptor = os.open(self._folder / "lock", os.O_RDONLY | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, how)
            yield
        finally:
            os.close(descriptor)

    def _mark(self, digest: str) -> Path:
        place = self._place(digest)
        return self._leaving / f"{place.parent.name}{place.name}"

    def _place(self, digest: str) -> Path:
        if not DIGEST_FORM.fullmatch(digest):
            raise ValueError(f"{digest!r} is not a digest of the form sha256:<64 hexadecimal digits>")
        hexadecimal = digest.removeprefix("sha256:")
        return self._folder / hexadecimal[:2] / hexadecimal[2:]

    def _make_subfolders(self) -> None:
        """Make all of them now, so that who puts a blob waits for the disk twice and not three times.

        Where that fails the store can be read all the same, and `put` says why nothing can be stored.
        """
        with suppress(OSError):
            for first in range(256):
                (self._folder / f"{first:02x}").mkdir(exist_ok=True)
            _flush_folder(self._folder)

    def _make_subfolder(self, subfolder: Path) -> None:
        """Make one again that somebody took away."""
        if not subfolder.is_dir():
            subfolder.mkdir(exist_ok=True)
            _flush_folder(self._folder)

    def _sweep_incoming(self) -> None:
        """Remove what a process that died left half written; younger files may be another process's at work."""
        oldest = time.time() - ABANDONED_SECONDS
        for file in self._incoming.iterdir():
            with suppress(FileNotFoundError):
                if file.stat().st_mtime < oldest:
                    file.unlink()


def _age(file: Path) -> float:
    """For how many seconds a file has not been touched; none where it is not there any more."""
    try:
        return max(time.time() - file.stat().st_mtime, 0.0)
    except FileNotFoundError:
        return -1.0


def _flush_folder(folder: Path) -> None:
    """Make a rename last: the folder's own entry must reach the disk too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
