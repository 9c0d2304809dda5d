"""How an increment lies in its file: the names of its tensors and its one metadata entry. No torch."""

import json

from sepme_core.documents.certificates import IncrementMetadata

FORMAT = "sepme-increment/1"
METADATA_ENTRY = "sepme"  # exactly one: safetensors writes several in random order, and digests would differ
DIRECTIONS = "directions"
WEIGHT_PREFIX = "w."


def read_metadata(data: bytes) -> IncrementMetadata:
    """The metadata of an increment file; the header is JSON behind its length, eight bytes little-endian.

    Raises:
        ValueError, KeyError: it is no such file.
    """
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    metadata: IncrementMetadata = json.loads(header["__metadata__"][METADATA_ENTRY])
    return metadata
