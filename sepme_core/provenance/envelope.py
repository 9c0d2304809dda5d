"""Signed statements in a DSSE envelope, protocol version 1, by Ed25519 (github.com/secure-systems-lab/dsse)."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sepme_core.canonical import canonical_json
from sepme_core.provenance.identity import keyid_of

IN_TOTO = "application/vnd.in-toto+json"
MEDIA_TYPE = "application/json"
"""What an envelope is sent as: DSSE has no registered media type of its own."""
MOST_SIGNATURES = 16


class EnvelopeRefused(Exception):
    """It is no envelope, or none that one of these keys signed; the message says what is wrong."""


@dataclass(frozen=True)
class Verified:
    """What was signed, and by which of the keys that were asked for."""

    payload: bytes
    keys: tuple[Ed25519PublicKey, ...]


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return what is signed: type and payload with their lengths, so that neither can pass for part of the other."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign(payload: bytes, keys: Sequence[Ed25519PrivateKey], payload_type: str = IN_TOTO) -> bytes:
    """Return the envelope as canonical JSON: the same payload and keys, the same bytes.

    Raises:
        ValueError: without a key.
    """
    if not keys:
        raise ValueError("an envelope needs a key that signs it")
    signed = pae(payload_type, payload)
    signatures = [{"keyid": keyid_of(key.public_key()), "sig": _encoded(key.sign(signed))} for key in keys]
    return canonical_json({"payloadType": payload_type, "payload": _encoded(payload), "signatures": signatures})


def verify(envelope: bytes, keys: Sequence[Ed25519PublicKey], payload_type: str = IN_TOTO) -> Verified:
    """Return what at least one of the keys signed; signatures of others, and what else stands there, count for nothing.

    Raises:
        EnvelopeRefused: where it is no envelope, holds another type, or no signature of these keys fits.
    """
    document = _read(envelope)
    if document["payloadType"] != payload_type:
        raise EnvelopeRefused(f"its payloadType is {document['payloadType']!r}, and {payload_type!r} is wanted")
    payload = _decoded(document["payload"], "payload")
    signed = pae(payload_type, payload)
    signatures = [_decoded(each.get("sig"), "signature") for each in document["signatures"]]
    fitting = tuple(key for key in keys if any(_fits(key, signature, signed) for signature in signatures))
    if not fitting:
        wanted = ", ".join(keyid_of(key) for key in keys) or "none"
        named = ", ".join(repr(each.get("keyid", "")) for each in document["signatures"])
        raise EnvelopeRefused(f"no signature fits: it names the keys {named}, and the keys looked for are {wanted}")
    return Verified(payload, fitting)


def _read(envelope: bytes) -> dict[str, Any]:
    try:
        document = json.loads(envelope)
    except (ValueError, RecursionError) as error:
        raise EnvelopeRefused(f"it is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise EnvelopeRefused("it is no JSON object")
    for name in ("payloadType", "payload"):
        if not isinstance(document.get(name), str):
            raise EnvelopeRefused(f"it has no text {name!r}")
    signatures = document.get("signatures")
    if not isinstance(signatures, list) or not all(isinstance(each, dict) for each in signatures):
        raise EnvelopeRefused("it has no list of objects 'signatures'")
    if not 1 <= len(signatures) <= MOST_SIGNATURES:
        raise EnvelopeRefused(f"it has {len(signatures)} signatures, and 1 to {MOST_SIGNATURES} are read")
    return document


def _fits(key: Ed25519PublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decoded(text: object, what: str) -> bytes:
    """Standard or URL-safe, as the protocol allows."""
    if not isinstance(text, str):
        raise EnvelopeRefused(f"a {what} is no text")
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise EnvelopeRefused(f"a {what} is not base64: {error}") from error
