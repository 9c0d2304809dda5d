import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sepme_core.provenance import envelope
from sepme_core.provenance.envelope import EnvelopeRefused

OURS, SECOND, OTHER = (Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in range(3))


def test_what_is_signed_is_spelt_as_the_protocol_has_it() -> None:
    signed = envelope.pae("http://example.com/HelloWorld", b"hello world")
    assert signed == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert envelope.pae("ü", b"") == b"DSSEv1 2 \xc3\xbc 0 "


def test_what_was_signed_is_given_back_and_the_same_is_the_same_bytes() -> None:
    signed = envelope.sign(b"{}", [OURS])
    assert envelope.sign(b"{}", [OURS]) == signed
    assert envelope.verify(signed, [OURS.public_key()]).payload == b"{}"


def test_of_several_signatures_those_of_the_keys_asked_for_count() -> None:
    signed = envelope.sign(b"{}", [OTHER, OURS, SECOND])
    verified = envelope.verify(signed, [OURS.public_key(), SECOND.public_key()])
    assert verified.keys == (OURS.public_key(), SECOND.public_key())


def test_openssl_finds_the_signature_good(tmp_path: Path) -> None:
    document = json.loads(envelope.sign(b'{"a": 1}', [OURS]))
    pem = OURS.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "key.pem").write_bytes(pem)
    (tmp_path / "signed").write_bytes(envelope.pae(envelope.IN_TOTO, b'{"a": 1}'))
    (tmp_path / "sig").write_bytes(base64.b64decode(document["signatures"][0]["sig"]))
    command = "openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in signed -sigfile sig"
    subprocess.run(["bash", "-c", command], cwd=tmp_path, check=True, capture_output=True)


def changed(**members: Any) -> bytes:
    return json.dumps(json.loads(envelope.sign(b"{}", [OURS])) | members).encode()


SIGNATURE = json.loads(envelope.sign(b"{}", [OURS]))["signatures"][0]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"{", "not JSON"),
        (b"[]", "no JSON object"),
        (b"[" * 100_000, "not JSON"),
        (changed(payload=base64.b64encode(b"{ }").decode()), "no signature fits"),
        (changed(payload="e30*"), "payload is not base64"),
        (changed(payload=None), "no text 'payload'"),
        (changed(payloadType="text/plain"), "payloadType is 'text/plain'"),
        (changed(signatures=[]), "0 signatures"),
        (changed(signatures=[SIGNATURE] * 17), "17 signatures"),
        (changed(signatures=["sig"]), "no list of objects 'signatures'"),
        (changed(signatures=[{"keyid": SIGNATURE["keyid"]}]), "signature is no text"),
        (changed(signatures=[SIGNATURE | {"sig": "AAAA"}]), "no signature fits"),
        (envelope.sign(b"{}", [OTHER]), "no signature fits"),
    ],
)
def test_what_is_not_signed_so_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(EnvelopeRefused, match=reason):
        envelope.verify(data, [OURS.public_key(), SECOND.public_key()])


def test_the_name_of_a_key_is_only_a_hint() -> None:
    misnamed = changed(signatures=[SIGNATURE | {"keyid": "somebody"}])
    assert envelope.verify(misnamed, [OURS.public_key()]).payload == b"{}"
    unnamed = changed(signatures=[{"sig": SIGNATURE["sig"]}])
    assert envelope.verify(unnamed, [OURS.public_key()]).payload == b"{}"
