"""An increment as a LoRA file, in the names of the programs that read it. No torch.

Delta = w Q^T is a LoRA in form: A = Q^T (rank, d_in) is shared by all matrices, B = w (d_out, rank), at a scale of
alpha / rank = 1. A program draws the concept, with a warning at best, where it does not know a file's names:

- ``diffusers``: PEFT's, for ``StableDiffusionPipeline.load_lora_weights``. No alpha is named: it is the rank then.
- ``kohya``: those of kohya's training scripts, which ComfyUI and AUTOMATIC1111 look for; ``load_lora_weights`` too.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from sepme_core.canonical import canonical_json, digest_of_bytes
from sepme_core.increments.format import DIRECTIONS, FORMAT, METADATA_ENTRY, WEIGHT_PREFIX, read_metadata

LORA_FORMAT = "sepme-lora/1"
Names = Literal["diffusers", "kohya"]
Array = np.ndarray[Any, Any]


class NoIncrement(ValueError):
    """The bytes are no increment file."""


def lora_of_increment(data: bytes, names: Names = "diffusers") -> bytes:
    """The LoRA file of an increment file, by whose names; the same increment gives the same bytes.

    Its metadata names the concept, the base that it belongs to, and the digest of the increment.

    Raises:
        NoIncrement: ``data`` is no increment file.
    """
    try:
        metadata, tensors = read_metadata(data), load(data)
        if metadata["format"] != FORMAT:
            raise NoIncrement(f"not of the format {FORMAT}")
        down = np.ascontiguousarray(tensors.pop(DIRECTIONS).T)  # (rank, d_in)
        origin = {"concept": metadata["concept"], "base_digest": metadata["base_digest"]}
    except (SafetensorError, KeyError, ValueError) as error:
        raise NoIncrement(f"not a readable increment file ({error})") from error
    weights = {name.removeprefix(WEIGHT_PREFIX): up for name, up in tensors.items()}
    factors = dict((_kohya if names == "kohya" else _diffusers)(down, weights))
    described = {"format": LORA_FORMAT, **origin, "increment": digest_of_bytes(data)}
    return save(factors, {METADATA_ENTRY: canonical_json(described).decode()})


def _diffusers(down: Array, weights: Mapping[str, Array]) -> Iterator[tuple[str, Array]]:
    for path, up in weights.items():
        yield f"unet.{path}.lora_A.weight", down
        yield f"unet.{path}.lora_B.weight", up


def _kohya(down: Array, weights: Mapping[str, Array]) -> Iterator[tuple[str, Array]]:
    """One name a module: its path with underscores."""
    rank = np.array(len(down), dtype=np.float32)
    for path, up in weights.items():
        module = f"lora_unet_{path.replace('.', '_')}"
        yield f"{module}.lora_down.weight", down
        yield f"{module}.lora_up.weight", up
        yield f"{module}.alpha", rank
