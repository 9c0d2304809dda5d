"""The identity that pictures and statements are signed with: an Ed25519 key and the certificates that vouch for it."""

import datetime as dt
import hashlib
import itertools
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import NameOID

from sepme_core.provenance import authority
from sepme_core.settings import Settings

KEY_SETTING, CERTIFICATES_SETTING = "SEPME_SIGNING_KEY", "SEPME_SIGNING_CERTIFICATES"
FOLDER = "signing"


class IdentityUnusable(Exception):
    """Nothing can be signed; the text names the setting or the file, and what helps. It holds no part of a key."""


@dataclass(frozen=True)
class Identity:
    """Who signs.

    Attributes:
        key: The private key.
        chain: Its certificate, that of the authority which issued it, and so on.
    """

    key: Ed25519PrivateKey = field(repr=False)
    chain: tuple[x509.Certificate, ...]

    @property
    def keyid(self) -> str:
        """The name of the public key: the sha256 of its SubjectPublicKeyInfo, in hexadecimal digits."""
        return keyid_of(self.key.public_key())

    @property
    def subject(self) -> str:
        """Whom the certificate names, as RFC 4514 writes it."""
        return self.chain[0].subject.rfc4514_string()


def keyid_of(key: CertificatePublicKeyTypes) -> str:
    """Name a public key: the sha256 of its SubjectPublicKeyInfo, in hexadecimal digits."""
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def open_identity(settings: Settings) -> Identity:
    """Return the operator's identity; where no setting names one, the service's own, made at first need.

    Raises:
        IdentityUnusable: it cannot be read or made, or nothing could be signed with it that others believe.
    """
    if settings.signing_key is None and settings.signing_certificates is None:
        return _own(settings.home / FOLDER)
    if settings.signing_key is None or settings.signing_certificates is None:
        given, lacking = (KEY_SETTING, CERTIFICATES_SETTING)[:: 1 if settings.signing_key else -1]
        raise IdentityUnusable(f"{given} is set and {lacking} is not: set both, or neither for a key of sepme's own")
    key = _key(_read(settings.signing_key, KEY_SETTING), settings.signing_key, KEY_SETTING)
    chain = _chain(_read(settings.signing_certificates, CERTIFICATES_SETTING), settings.signing_certificates)
    return _checked(key, chain, CERTIFICATES_SETTING, "have it issued anew, and set both")


def _own(folder: Path) -> Identity:
    remedy = f"move {folder} aside, and another identity is made, which others do not know yet"
    try:
        pem = authority.make(folder).read_bytes()
    except OSError as error:
        reason = f"{error.filename or folder}: {error.strerror}"
        raise IdentityUnusable(f"the identity to sign with cannot be read or made ({reason}): {remedy}") from error
    except ValueError:
        raise IdentityUnusable(f"{folder} does not hold what was made there: bring it back, or {remedy}") from None
    leaf = folder / authority.LEAF
    renewing = f"move {leaf} aside, and another is made under the same authority"
    return _checked(_key(pem, leaf, "the file"), _chain(pem, leaf), str(leaf), renewing)


def _read(file: Path, setting: str) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise IdentityUnusable(f"{setting}: {file} cannot be read: {error.strerror}") from error


def _key(pem: bytes, file: Path, setting: str) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError:
        raise IdentityUnusable(
            f"{setting}: {file} is encrypted, and nobody can be asked for the password: decrypt it with"
            " `openssl pkey -in … -out …`, into a file that only the service may read"
        ) from None
    except Exception:  # noqa: BLE001 (there are several kinds, and their texts may quote the file)
        raise IdentityUnusable(
            f"{setting}: {file} holds no private key in PEM: make one with `openssl genpkey -algorithm ed25519`"
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise IdentityUnusable(
            f"{setting}: {file} is no Ed25519 key: make one with `openssl genpkey -algorithm ed25519`, and have a"
            " certificate issued for it"
        )
    return key


def _chain(pem: bytes, file: Path) -> tuple[x509.Certificate, ...]:
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except ValueError:
        raise IdentityUnusable(
            f"{CERTIFICATES_SETTING}: {file} holds no certificates in PEM: put the key's first, then those that issued"
            " it, one after the other"
        ) from None


def _checked(key: Ed25519PrivateKey, chain: tuple[x509.Certificate, ...], where: str, remedy: str) -> Identity:
    """What others would not believe is refused here, rather than by them."""
    leaf = chain[0]
    if leaf.public_key() != key.public_key():
        raise IdentityUnusable(
            f"{where}: the first certificate is not that of the key ({KEY_SETTING}): put the key's own first, or"
            f" {remedy}"
        )
    for certificate in chain:
        _check_time(certificate, where, remedy)
    for certificate, issuer in itertools.pairwise(chain):
        try:
            certificate.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature):
            raise IdentityUnusable(
                f"{where}: {_named(certificate)} was not issued by {_named(issuer)}, which comes after it: put each"
                " certificate before the one that issued it"
            ) from None
    lacking = _profile_lacks(leaf)
    if lacking:
        raise IdentityUnusable(f"{where}: the certificate {lacking}, which C2PA asks of those who sign: {remedy}")
    return Identity(key, chain)


def _check_time(certificate: x509.Certificate, where: str, remedy: str) -> None:
    now = dt.datetime.now(dt.UTC)
    if certificate.not_valid_after_utc < now:
        ended = certificate.not_valid_after_utc.date()
        raise IdentityUnusable(f"{where}: the certificate of {_named(certificate)} expired on {ended}: {remedy}")
    if certificate.not_valid_before_utc > now:
        begins = certificate.not_valid_before_utc.isoformat()
        raise IdentityUnusable(
            f"{where}: the certificate of {_named(certificate)} is good from {begins} only: check the clock, or"
            f" {remedy}"
        )


def _named(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string() or "an unnamed one"


def _profile_lacks(leaf: x509.Certificate) -> str | None:
    """What the certificate lacks of C2PA's profile for claim signers (C2PA 2.2, section 14.5.1)."""
    try:
        extensions = leaf.extensions
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
        purposes = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    except x509.ExtensionNotFound as error:
        return f"has no extension {error.oid._name}"  # noqa: SLF001 (its only readable name)
    except ValueError:
        return "has extensions that cannot be read"
    authoritys = any(isinstance(each.value, x509.BasicConstraints) and each.value.ca for each in extensions)
    organisations = leaf.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    complaints = {
        "is an authority's, not a signer's": authoritys or usage.key_cert_sign,
        "vouches for itself, and no authority for it": leaf.subject == leaf.issuer,
        "is not for digital signatures (keyUsage)": not usage.digital_signature,
        "does not name the purpose emailProtection (extendedKeyUsage)": authority.EMAIL_PROTECTION not in purposes,
        "names no organisation (O) in its subject": not organisations,
    }
    return next((complaint for complaint, holds in complaints.items() if holds), None)
