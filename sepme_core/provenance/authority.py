"""A certificate authority of the service's own and the certificate it signs with, made where they are needed first."""

import datetime as dt
import secrets
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sepme_core.secret_files import write_once

CA, CA_KEY, LEAF = "ca.pem", "ca-key.pem", "leaf.pem"
"""The authority's certificate, for others to hold signatures against; its key, with it; and what is signed with."""
CA_DAYS, LEAF_DAYS = 30 * 365, 10 * 365
"""Nothing but its certificate says when a picture was signed, so it is good no longer than that: no days, but years."""
CLOCKS_DIFFER = dt.timedelta(hours=1)
ORGANISATION = "sepme"


def make(folder: Path) -> Path:
    """Make what is missing of the authority and of the certificate that it issues; whoever comes first makes it.

    Returns: the file with the key to sign with, its certificate and the authority's.

    Raises:
        OSError: the folder cannot be written to or read, or the authority's key is gone.
        ValueError: what is there is not what was made.
    """
    leaf = folder / LEAF
    if leaf.exists():
        return leaf
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not (folder / CA).exists():
        write_once(folder / CA_KEY, _authority())
    pem = (folder / CA_KEY).read_bytes()
    certificate, key = x509.load_pem_x509_certificate(pem), load_pem_private_key(pem, password=None)
    if not isinstance(key, Ed25519PrivateKey) or key.public_key() != certificate.public_key():
        raise ValueError(CA_KEY)
    write_once(folder / CA, certificate.public_bytes(Encoding.PEM))
    write_once(leaf, _leaf(certificate, key))
    return leaf


def _authority() -> bytes:
    """A new key and the certificate by which it vouches for itself."""
    key = Ed25519PrivateKey.generate()
    name = _name("sepme's own authority")
    certificate = (
        _builder(name, name, key.public_key(), key.public_key(), CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(digital_signature=False, certificates=True), critical=True)
        .sign(key, None)
    )
    return _private(key) + certificate.public_bytes(Encoding.PEM)


def _leaf(authority: x509.Certificate, authority_key: Ed25519PrivateKey) -> bytes:
    """A new key and its certificate, of the profile that C2PA asks of claim signers, and the authority's."""
    key = Ed25519PrivateKey.generate()
    subject = _name(f"sepme {secrets.token_hex(4)}")
    certificate = (
        _builder(subject, authority.subject, key.public_key(), authority_key.public_key(), LEAF_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True, certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([EMAIL_PROTECTION, CLAIM_SIGNING]), critical=False)
        .sign(authority_key, None)
    )
    return _private(key) + b"".join(each.public_bytes(Encoding.PEM) for each in (certificate, authority))


EMAIL_PROTECTION = ExtendedKeyUsageOID.EMAIL_PROTECTION
"""The purpose without which readers of C2PA hold a signature for invalid."""
CLAIM_SIGNING = x509.ObjectIdentifier("1.3.6.1.4.1.62558.2.1")
"""The one that C2PA made for itself; they do not ask for it yet."""


def _builder(
    subject: x509.Name, issuer: x509.Name, key: Ed25519PublicKey, issuer_key: Ed25519PublicKey, days: int
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCKS_DIFFER)
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )


def _usage(*, digital_signature: bool, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=certificates,
        crl_sign=certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANISATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _private(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
