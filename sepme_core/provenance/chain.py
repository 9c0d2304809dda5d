"""Certificates that vouch for the key that signed: whether each was issued by the next, and by whom one trusts."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

LONGEST = 8


class ChainRefused(Exception):
    """These certificates do not vouch for a key that can be used; the message says why."""


@dataclass(frozen=True)
class Signer:
    """Who signed.

    Attributes:
        key: the public key of the first certificate.
        certificate: that one.
        root: the last of the chain.
        trusted: whether it leads to one of those that are trusted; None where none were named.
    """

    key: Ed25519PublicKey
    certificate: x509.Certificate
    root: x509.Certificate
    trusted: bool | None


def to_pem(chain: Sequence[x509.Certificate]) -> bytes:
    """Spell certificates one after the other, the signer's first."""
    return b"".join(each.public_bytes(Encoding.PEM) for each in chain)


def read(pem: bytes) -> list[x509.Certificate]:
    """Return the certificates of a PEM file.

    Raises:
        ChainRefused: where it holds none, or one that cannot be read.
    """
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise ChainRefused("it holds no certificates in PEM") from error


def fingerprint(certificate: x509.Certificate) -> str:
    """Return the sha256 of a certificate, as `openssl x509 -fingerprint -sha256` has it without the colons."""
    return certificate.fingerprint(SHA256()).hex()


def named(certificate: x509.Certificate) -> str:
    """Return whom a certificate names."""
    return certificate.subject.rfc4514_string() or "an unnamed one"


def check(chain: Sequence[x509.Certificate], trusted: Sequence[x509.Certificate] = ()) -> Signer:
    """Return who signed, where each certificate was issued by the next one and, if any are trusted, by one of those.

    Its dates are not looked at: nothing in a bundle says by a clock that one could believe when it was signed.

    Raises:
        ChainRefused: where one was not.
    """
    if not 1 <= len(chain) <= LONGEST:
        raise ChainRefused(f"it has {len(chain)} certificates, and 1 to {LONGEST} are read")
    for place, (certificate, issuer) in enumerate(pairwise(chain)):
        _check_issued(certificate, issuer, place)
    key = chain[0].public_key()
    if not isinstance(key, Ed25519PublicKey):
        raise ChainRefused(f"{named(chain[0])} has no Ed25519 key")
    signer = Signer(key, chain[0], chain[-1], None)
    if not trusted:
        return signer
    if not any(each in trusted for each in chain):
        _check_issued_by_any(chain, trusted)
    return Signer(key, chain[0], chain[-1], trusted=True)


def _check_issued_by_any(chain: Sequence[x509.Certificate], trusted: Sequence[x509.Certificate]) -> None:
    for authority in trusted:
        try:
            _check_issued(chain[-1], authority, len(chain) - 1)
        except ChainRefused:
            continue
        return
    raise ChainRefused(
        f"{named(chain[0])} signed, by {named(chain[-1])} (sha256 {fingerprint(chain[-1])}), and that is none of those "
        f"that are trusted ({', '.join(f'{named(each)}, sha256 {fingerprint(each)}' for each in trusted)})"
    )


def _check_issued(certificate: x509.Certificate, issuer: x509.Certificate, below: int) -> None:
    """`below`: how many certificates stand between it and the signer's own, itself included where it is another."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature) as error:
        raise ChainRefused(f"{named(certificate)} was not issued by {named(issuer)}") from error
    try:
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
        usages = [each.value for each in issuer.extensions if isinstance(each.value, x509.KeyUsage)]
    except (ValueError, x509.ExtensionNotFound) as error:
        raise ChainRefused(f"{named(issuer)} is no authority") from error
    longest = constraints.path_length
    if not constraints.ca or not all(each.key_cert_sign for each in usages):
        raise ChainRefused(f"{named(issuer)} is no authority: it may sign, and not vouch for others")
    if longest is not None and below > longest:
        raise ChainRefused(f"{named(issuer)} may vouch over {longest} others, and does over {below}")
