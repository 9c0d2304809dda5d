import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from sepme_core.canonical import digest_of_bytes
from sepme_core.registry.blobs import Blobs, open_blobs
from sepme_core.registry.errors import BlobDamaged, BlobMissing
from tests.sepme_core.registry.work import at_once


def files(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "blobs").rglob("*") if path.is_file() and path.name != "lock"]


def test_what_was_put_is_got_by_its_digest(blobs: Blobs) -> None:
    digest = blobs.put(b"increment")
    assert digest == digest_of_bytes(b"increment")
    assert blobs.get(digest) == b"increment"
    assert blobs.get(blobs.put(b"")) == b""


def test_putting_again_stores_once(blobs: Blobs, tmp_path: Path) -> None:
    assert blobs.put(b"increment") == blobs.put(b"increment")
    assert len(files(tmp_path)) == 1


def test_another_process_reads_what_one_has_put(blobs: Blobs, blob_url: str) -> None:
    digest = blobs.put(b"increment")
    assert open_blobs(blob_url).get(digest) == b"increment"


def test_a_missing_blob_is_named(blobs: Blobs) -> None:
    digest = digest_of_bytes(b"never put")
    with pytest.raises(BlobMissing, match=digest):
        blobs.get(digest)


def test_a_damaged_blob_is_refused_by_name_and_mended_by_putting_it_again(blobs: Blobs, tmp_path: Path) -> None:
    digest = blobs.put(b"increment")
    (file,) = files(tmp_path)
    file.write_bytes(b"incremenT")
    with pytest.raises(BlobDamaged, match=digest) as refusal:
        blobs.get(digest)
    assert refusal.value.found == digest_of_bytes(b"incremenT")
    blobs.put(b"increment")
    assert blobs.get(digest) == b"increment"


def test_deleting_is_idempotent(blobs: Blobs) -> None:
    digest = blobs.put(b"increment")
    blobs.delete(digest)
    blobs.delete(digest)
    with pytest.raises(BlobMissing):
        blobs.get(digest)


@pytest.mark.parametrize(
    "digest",
    ["", "sha256:", "sha256:../../etc/passwd", "md5:" + 64 * "a", "sha256:" + 64 * "A", "sha256:" + 64 * "a" + "\n"],
)
def test_what_is_no_digest_reaches_no_file(blobs: Blobs, digest: str) -> None:
    with pytest.raises(ValueError, match="not a digest"):
        blobs.get(digest)
    with pytest.raises(ValueError, match="not a digest"):
        blobs.delete(digest)


@pytest.mark.parametrize("url", ["s3://bucket/path", "/a/folder", "file://host/folder", "file:folder", ""])
def test_other_stores_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="file:///absolute/folder"):
        open_blobs(url)


def test_a_folder_with_spaces_and_umlauts_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "größe 100%"
    digest = open_blobs(folder.as_uri()).put(b"increment")
    assert folder.is_dir()
    assert open_blobs(folder.as_uri()).get(digest) == b"increment"


def test_putting_and_getting_at_once_never_shows_half_a_blob(blobs: Blobs) -> None:
    data = os.urandom(2_000_000)
    digest = digest_of_bytes(data)

    def get() -> bool:
        for _ in range(50):
            try:
                return blobs.get(digest) == data
            except BlobMissing:
                time.sleep(0.001)
        return True

    outcomes = at_once(*(partial(blobs.put, data) for _ in range(3)), get, get)
    assert outcomes == [digest, digest, digest, True, True]


KILLED_WHILE_WRITING = """
import os, signal, sys
from sepme_core.registry.blobs import open_blobs
blobs = open_blobs(sys.argv[1])
os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)
blobs.put(b"increment")
"""


def test_a_process_killed_while_it_writes_leaves_no_blob_and_no_litter_for_long(blob_url: str, tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED_WHILE_WRITING, blob_url], check=False)
    assert killed.returncode == -9
    (litter,) = files(tmp_path)
    blobs = open_blobs(blob_url)
    with pytest.raises(BlobMissing):
        blobs.get(digest_of_bytes(b"increment"))
    assert litter.exists(), "it may be another process's at work"
    two_hours_ago = time.time() - 7200
    os.utime(litter, (two_hours_ago, two_hours_ago))
    digest = open_blobs(blob_url).put(b"increment")
    assert not litter.exists()
    assert blobs.get(digest) == b"increment"


def test_a_disk_that_is_full_leaves_nothing_behind(
    blobs: Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            blobs.put(b"increment")
    assert files(tmp_path) == []
    assert blobs.get(blobs.put(b"increment")) == b"increment"


def test_who_puts_waits_for_the_disk_twice(
    blobs: Blobs, blob_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[Path] = []
    flush = os.fsync

    def note(descriptor: int) -> None:
        flushed.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    open_blobs(blob_url)
    assert flushed == [tmp_path / "blobs"], "the subfolders last before anything is put into them"
    flushed.clear()
    blobs.put(b"increment")
    (file,) = files(tmp_path)
    assert [each.parent.name for each in flushed[:1]] + flushed[1:] == ["incoming", file.parent]
    file.unlink()
    file.parent.rmdir()
    flushed.clear()
    blobs.put(b"increment")
    assert tmp_path / "blobs" in flushed, "a subfolder made again lasts too"


def test_bytes_are_held_only_where_they_are_whole(blobs: Blobs, tmp_path: Path) -> None:
    digest = blobs.put(b"whole")
    assert blobs.holds(digest)
    (file,) = files(tmp_path)
    file.write_bytes(b"whol")
    assert not blobs.holds(digest)
    file.unlink()
    assert not blobs.holds(digest)


def test_what_is_put_again_is_not_deleted_as_untouched(blobs: Blobs, tmp_path: Path) -> None:
    digest = blobs.put(b"increment")
    (file,) = files(tmp_path)
    os.utime(file, (1, 1))
    assert list(blobs.untouched(60)) == [digest]
    blobs.put(b"increment")
    assert list(blobs.untouched(60)) == []
    assert not blobs.delete_untouched(digest, 60)
    assert blobs.holds(digest)
    os.utime(file, (1, 1))
    assert blobs.delete_untouched(digest, 60)
    assert not blobs.holds(digest)
