import json
from dataclasses import replace

import pytest
import torch

from sepme_core.canonical import digest_of_bytes
from sepme_core.drawing.request import PictureRequest, applied, make_record
from sepme_core.increments.increment import Increment, IncrementDamaged, IncrementForAnotherBase
from sepme_core.models.model import DiffusionModel
from tests.sepme_core.increments.random import random_increment


def test_the_same_factors_give_the_same_bytes(base: DiffusionModel) -> None:
    assert random_increment(base).to_bytes() == random_increment(base).to_bytes()


def test_a_file_reads_back_as_what_was_written(base: DiffusionModel) -> None:
    written = random_increment(base)
    read = Increment.from_bytes(written.to_bytes(), digest=written.digest, base=base)
    assert read.digest == written.digest
    assert read.metadata == written.metadata
    assert torch.equal(read.directions, written.directions)
    assert all(torch.equal(read.weight(path), value) for path, value in written.weights.items())


def written_otherwise(data: bytes) -> bytes:
    """The same tensors and metadata under a header with more blanks, as another release might write it."""
    length = int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8 : 8 + length]), indent=1).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data[8 + length :]


def test_what_was_read_keeps_the_digest_it_was_read_by_however_it_was_written(base: DiffusionModel) -> None:
    written = random_increment(base)
    data = written_otherwise(written.to_bytes())
    read = Increment.from_bytes(data, digest=digest_of_bytes(data), base=base)
    assert read.digest == digest_of_bytes(data) != written.digest
    assert read.to_bytes() == data
    assert make_record(base, PictureRequest("a cat"), applied([read]), row=0)["increments"][0]["digest"] == read.digest


def test_what_is_changed_after_it_was_read_has_a_digest_of_its_own(base: DiffusionModel) -> None:
    written = random_increment(base)
    read = Increment.from_bytes(written.to_bytes(), digest=written.digest)
    assert replace(read, metadata={**read.metadata, "concept": "dog"}).digest != written.digest


def test_one_flipped_bit_is_refused_by_name(base: DiffusionModel) -> None:
    written = random_increment(base)
    damaged = bytearray(written.to_bytes())
    damaged[-1] ^= 1
    with pytest.raises(IncrementDamaged, match=written.digest):
        Increment.from_bytes(bytes(damaged), digest=written.digest, base=base)


@pytest.mark.parametrize("data", [b"", b"\x08\x00\x00\x00\x00\x00\x00\x00{}      ", b"PK\x03\x04 not a tensor file"])
def test_what_is_no_increment_file_is_refused(data: bytes) -> None:
    with pytest.raises(IncrementDamaged, match=digest_of_bytes(data)):
        Increment.from_bytes(data)


def test_numbers_that_are_not_finite_are_refused(base: DiffusionModel) -> None:
    written = random_increment(base)
    written.directions[0, 0] = float("nan")
    with pytest.raises(IncrementDamaged, match="not finite"):
        Increment.from_bytes(written.to_bytes())


def test_an_increment_of_another_base_is_refused_with_both_names(base: DiffusionModel) -> None:
    written = random_increment(base)
    other = replace(base, digest="sha256:another")
    with pytest.raises(IncrementForAnotherBase, match=r"cat.*sha256:another"):
        Increment.from_bytes(written.to_bytes(), base=other)


def test_factors_that_do_not_fit_the_base_are_refused(base: DiffusionModel) -> None:
    written = random_increment(base)
    path = next(iter(written.weights))
    missing = replace(written, weights={key: value for key, value in written.weights.items() if key != path})
    narrow = replace(written, weights={**written.weights, path: written.weights[path][:-1]})
    with pytest.raises(IncrementDamaged, match="matrices"):
        Increment.from_bytes(missing.to_bytes(), base=base)
    with pytest.raises(IncrementDamaged, match=path):
        Increment.from_bytes(narrow.to_bytes(), base=base)
