import io
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from sepme_core.provenance import bundle
from sepme_core.provenance.bundle import BundleUnreadable

FILES = {bundle.FILES: b"{}", "pictures/1.png": b"a picture"}


def test_of_the_same_files_it_is_the_same_bytes_in_whatever_order() -> None:
    data = bundle.zipped(FILES)
    assert bundle.zipped(dict(reversed(FILES.items()))) == data
    assert bundle.unzipped(io.BytesIO(data)) == FILES


def packed(change: Callable[[zipfile.ZipFile], None]) -> bytes:
    out = io.BytesIO(bundle.zipped(FILES))
    with zipfile.ZipFile(out, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says of its own that a name is there twice
        change(archive)
    return out.getvalue()


def with_many(archive: zipfile.ZipFile) -> None:
    for number in range(bundle.MOST_FILES):
        archive.writestr(f"{number}", b"")


def encrypted() -> bytes:
    """The flag alone: nothing is read of what is said to be encrypted."""
    data = bytearray(bundle.zipped(FILES))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def huge() -> bytes:
    """What is said of its size, and not its size."""
    data = bytearray(bundle.zipped(FILES))
    place = data.index(b"PK\x01\x02") + 24
    data[place : place + 4] = (2**31).to_bytes(4, "little")
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"a text", "no zip file"),
        (bundle.zipped(FILES)[:-30], "no zip file"),
        (bundle.zipped({"a.txt": b""}), "no bundle"),
        (packed(lambda archive: archive.writestr(bundle.FILES, b"[]")), "two files of one name"),
        (packed(with_many), "more than"),
        (huge(), "more than"),
        (encrypted(), "encrypted"),
    ],
)
def test_what_is_no_bundle_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(BundleUnreadable, match=reason):
        bundle.unzipped(io.BytesIO(data))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BundleUnreadable, match="cannot be read"):
        bundle.unzipped(tmp_path / "none.zip")


def test_a_file_that_its_own_check_sum_refuses_is_given_as_empty_so_that_it_is_named() -> None:
    data = bundle.zipped(FILES).replace(b"a picture", b"b picture")
    assert bundle.unzipped(io.BytesIO(data)) == {**FILES, "pictures/1.png": b""}
