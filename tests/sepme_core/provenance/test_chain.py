import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from sepme_core.provenance import chain
from sepme_core.provenance.chain import ChainRefused

Key = Ed25519PrivateKey | ec.EllipticCurvePrivateKey


def name_of(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def issued(
    name: str, key: Key, issuer: str, issuer_key: Key, *, authority: bool = False, below: int | None = None
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(name_of(issuer), name_of(name), key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now).not_valid_after(now + dt.timedelta(days=1))
    builder = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=below), critical=True)
    return builder.sign(issuer_key, None if isinstance(issuer_key, Ed25519PrivateKey) else SHA256())


SIGNER, MIDDLE, STRANGER = (Ed25519PrivateKey.generate() for _ in range(3))
ROOT = ec.generate_private_key(ec.SECP256R1())
root = issued("root", ROOT, "root", ROOT, authority=True)
narrow = issued("root", ROOT, "root", ROOT, authority=True, below=0)
middle = issued("middle", MIDDLE, "root", ROOT, authority=True)
leaf = issued("leaf", SIGNER, "middle", MIDDLE)
direct = issued("leaf", SIGNER, "root", ROOT)
stranger = issued("root", STRANGER, "root", STRANGER, authority=True)
by_a_signer = issued("other", STRANGER, "leaf", SIGNER)
not_edwards = issued("leaf", ec.generate_private_key(ec.SECP256R1()), "root", ROOT)


@pytest.mark.parametrize(
    ("listed", "trusted", "certain"),
    [
        ([leaf, middle, root], [], None),
        ([leaf, middle, root], [stranger, root], True),
        ([leaf, middle], [root], True),
        ([leaf, middle], [middle], True),
        ([leaf], [leaf], True),
        ([direct, narrow], [narrow], True),
    ],
)
def test_the_first_signs_where_each_was_issued_by_the_next_and_by_one_that_is_trusted(
    listed: list[x509.Certificate], trusted: list[x509.Certificate], certain: bool | None
) -> None:
    signer = chain.check(listed, trusted)
    assert signer.key == SIGNER.public_key()
    assert signer.trusted is certain
    assert chain.read(chain.to_pem(listed)) == listed


@pytest.mark.parametrize(
    ("listed", "trusted", "reason"),
    [
        ([], [], "0 certificates"),
        ([leaf] * 9, [], "9 certificates"),
        ([leaf, root], [], "CN=leaf was not issued by CN=root"),
        ([middle, stranger], [], "CN=middle was not issued by CN=root"),
        ([by_a_signer, leaf, middle, root], [root], "CN=leaf is no authority"),
        ([leaf, middle, narrow], [narrow], "over 0 others"),
        ([not_edwards, root], [], "no Ed25519 key"),
        pytest.param([leaf, middle, root], [stranger], chain.fingerprint(stranger), id="by a stranger"),
        ([by_a_signer], [leaf], "none of those that are trusted"),
    ],
)
def test_others_do_not_vouch_for_it(
    listed: list[x509.Certificate], trusted: list[x509.Certificate], reason: str
) -> None:
    with pytest.raises(ChainRefused, match=reason):
        chain.check(listed, trusted)


def test_what_holds_no_certificates_is_refused() -> None:
    with pytest.raises(ChainRefused, match="no certificates"):
        chain.read(b"-----BEGIN NOTHING-----")
