"""The increment: one concept's low-rank change of ``to_k`` and ``to_v``, in one content-addressed safetensors file.

For each matrix of weight W (d_out, d_in) the change is Delta = w Q^T, with Q shared by all matrices. The file's name is
the sha256 of its bytes, so nothing in it may depend on when or where it was made.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from sepme_core.bounded import bytes_held
from sepme_core.canonical import canonical_json, digest_of_bytes
from sepme_core.documents.certificates import Certificate, IncrementMetadata
from sepme_core.increments.format import DIRECTIONS, FORMAT, METADATA_ENTRY, WEIGHT_PREFIX, read_metadata
from sepme_core.models.model import DiffusionModel


class IncrementDamaged(ValueError):
    """The file is not what its digest says, or no whole increment."""


class IncrementForAnotherBase(ValueError):
    """The increment was made for another base model; erase the concept again for this one."""


@dataclass(frozen=True, eq=False)
class Increment:
    """One concept's factors: ``directions`` Q float32 (d_in, rank), ``weights`` w float16 (d_out, rank) by matrix."""

    directions: Tensor
    weights: Mapping[str, Tensor]
    metadata: IncrementMetadata

    def weight(self, matrix: str) -> Tensor:
        """w of one ``to_k`` or ``to_v``, (d_out, rank)."""
        return self.weights[matrix]

    @property
    def concept(self) -> str:
        """The name of the concept that this erases."""
        return str(self.metadata["concept"])

    @property
    def base_digest(self) -> str:
        """The base it was made for."""
        return str(self.metadata["base_digest"])

    @property
    def certificate(self) -> Certificate:
        """What was measured when it was made; no times."""
        return self.metadata["certificate"]

    @cached_property
    def data(self) -> bytes:
        """The file: the one that was read, if it was read."""
        tensors = {WEIGHT_PREFIX + name: value.contiguous().cpu() for name, value in self.weights.items()}
        tensors[DIRECTIONS] = self.directions.contiguous().cpu()
        metadata = canonical_json({"format": FORMAT, **self.metadata}).decode()
        return save(tensors, {METADATA_ENTRY: metadata})

    def to_bytes(self) -> bytes:
        """The file: the same factors and metadata give the same bytes. One that was read is given back as it was."""
        return self.data

    @cached_property
    def digest(self) -> str:
        """``sha256:`` of the file."""
        return digest_of_bytes(self.data)

    @property
    def held_bytes(self) -> int:
        """What its factors and its file keep in memory."""
        return bytes_held([self.directions, *self.weights.values()]) + len(self.data)

    @classmethod
    def from_bytes(cls, data: bytes, *, digest: str | None = None, base: DiffusionModel | None = None) -> "Increment":
        """Read a file, checked against the digest it is named by and the base it is to be applied to.

        Raises:
            IncrementDamaged: the digest, the format or a shape is wrong; the message says which.
            IncrementForAnotherBase: it was made for another base.
        """
        if digest is not None and digest_of_bytes(data) != digest:
            raise IncrementDamaged(f"increment {digest}: the file's digest is {digest_of_bytes(data)}")
        name = digest or digest_of_bytes(data)
        metadata, tensors = _parse(data, name)
        # Copies, for their alignment: matrix products round by where a buffer lies, and pictures must not.
        directions = tensors.pop(DIRECTIONS).clone()
        weights = {key.removeprefix(WEIGHT_PREFIX): value.clone() for key, value in tensors.items()}
        increment = cls(directions, weights, metadata)
        # Not derived again: another release of safetensors may write the same factors otherwise. `replace` drops both.
        increment.__dict__.update(data=data, digest=name)
        if base is not None:
            check_base(increment, base, name)
        return increment


def _parse(data: bytes, name: str) -> tuple[IncrementMetadata, dict[str, Tensor]]:
    try:
        tensors = load(data)
        metadata = read_metadata(data)
    except (SafetensorError, KeyError, ValueError) as error:
        raise IncrementDamaged(f"increment {name}: not a readable increment file ({error})") from error
    if metadata.pop("format", None) != FORMAT or DIRECTIONS not in tensors:
        raise IncrementDamaged(f"increment {name}: not of the format {FORMAT}")
    if not all(torch.isfinite(value).all() for value in tensors.values()):
        raise IncrementDamaged(f"increment {name}: it holds numbers that are not finite")
    return metadata, tensors


def check_base(increment: Increment, base: DiffusionModel, name: str) -> None:
    """Raise where ``increment`` was made for another base, or does not fit this one's matrices."""
    if increment.base_digest != base.digest:
        raise IncrementForAnotherBase(
            f"increment {name} of {increment.concept!r} was made for base {increment.base_digest}, and {base.digest}"
            " is served; erase the concept again for this base"
        )
    shapes = base.conditioned_shapes
    if set(shapes) != set(increment.weights):
        raise IncrementDamaged(f"increment {name}: its matrices are not those of the base")
    width, rank = increment.directions.shape
    for path, (d_out, d_in) in shapes.items():
        if increment.weights[path].shape != (d_out, rank) or d_in != width:
            raise IncrementDamaged(f"increment {name}: the shape of {path} does not fit the base")
