"""One spelling for one value: canonical JSON and the digest of it, for hash chains and for comparing requests."""

import hashlib
import json
from collections.abc import Mapping, Sequence


def canonical_json(value: Mapping[str, object] | Sequence[object]) -> bytes:
    """Spell `value` in the one way that does not depend on key order or white space.

    Returns:
        ASCII bytes: sorted keys, no spaces, everything else escaped.

    Raises:
        ValueError: for NaN and infinities, which JSON (RFC 8259, section 6) cannot hold.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def digest_of_bytes(data: bytes) -> str:
    """Return the digest of `data` as `sha256:` and 64 hexadecimal digits."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def digest_of(value: Mapping[str, object] | Sequence[object]) -> str:
    """Return the digest of the canonical JSON of `value`.

    Raises:
        ValueError: for NaN and infinities.
    """
    return digest_of_bytes(canonical_json(value))
