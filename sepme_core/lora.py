"""An increment as a LoRA file that ``StableDiffusionPipeline.load_lora_weights`` reads. No torch.

Delta = w Q^T is a LoRA in form: A = Q^T (rank, d_in) is shared by all matrices, B = w (d_out, rank). The file names no
alpha: diffusers then takes alpha = rank, which is a scale of 1.
"""

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from sepme_core.canonical import canonical_json, digest_of_bytes
from sepme_core.increment_format import DIRECTIONS, FORMAT, METADATA_ENTRY, WEIGHT_PREFIX, read_metadata

LORA_FORMAT = "sepme-lora/1"


class NoIncrement(ValueError):
    """The bytes are no increment file."""


def lora_of_increment(data: bytes) -> bytes:
    """The LoRA file of an increment file; the same increment gives the same bytes.

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
    factors = {}
    for name, up in tensors.items():
        path = f"unet.{name.removeprefix(WEIGHT_PREFIX)}"
        factors[f"{path}.lora_A.weight"] = down
        factors[f"{path}.lora_B.weight"] = up
    described = {"format": LORA_FORMAT, **origin, "increment": digest_of_bytes(data)}
    return save(factors, {METADATA_ENTRY: canonical_json(described).decode()})
