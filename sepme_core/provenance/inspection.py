"""What a picture's manifest says, and whether it holds: by nothing but the file. No model, and no network."""

import json
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any, Literal

import c2pa
from cryptography import x509

from sepme_core.provenance import container, pixels
from sepme_core.provenance.identity import keyid_of
from sepme_core.provenance.manifest import GENERATOR, LABEL, Statement

UNTRUSTED, TRUSTED = "signingCredential.untrusted", "Trusted"
STATED = Statement.__required_keys__


class NoPicture(ValueError):
    """What was given is no PNG."""


@dataclass(frozen=True)
class SignerSeen:
    """Who signed.

    Attributes:
        subject: Whom the certificate names, as RFC 4514 writes it.
        issuer: Who vouches for that.
        keyid: The sha256 of the public key's SubjectPublicKeyInfo.
        known: Whether that is the authority it was held against; None where it was held against none.
    """

    subject: str
    issuer: str
    keyid: str
    known: bool | None


@dataclass(frozen=True)
class Inspection:
    """What was found.

    Attributes:
        state: Whether the picture is signed, and as it was signed.
        reason: What does not hold; None of a valid one.
        signer: Who signed it; None where that cannot be believed.
        generator: What made it.
        statement: What it was made of; None where that cannot be believed.
    """

    state: Literal["valid", "invalid", "unsigned"]
    reason: str | None = None
    signer: SignerSeen | None = None
    generator: str | None = None
    statement: Statement | None = None


def inspect(png: bytes, authorities: str | None = None) -> Inspection:
    """Look at a picture, and hold its signer against authorities (certificates in PEM), if any are given.

    Raises:
        NoPicture: the bytes are no PNG at all.
    """
    if not png.startswith(container.PNG):
        raise NoPicture("it is no PNG")
    try:
        store = container.manifest_in(png)
        if store is None:
            return Inspection("unsigned", "it holds no manifest: it never did, or it was taken out")
        return _judged(png, store, _read(png, authorities), authorities)
    except (container.ContainerBroken, NotValid) as broken:
        return Inspection("invalid", str(broken))


class NotValid(Exception):
    """What does not hold."""


def _read(png: bytes, authorities: str | None) -> dict[str, Any]:
    """What a reader of C2PA finds.

    Raises:
        NotValid: it does not hold the manifest for valid.
    """
    settings: dict[str, Any] = {"verify": {"ocsp_fetch": False, "remote_manifest_fetch": False, "verify_trust": True}}
    if authorities is not None:
        settings["trust"] = {"trust_anchors": authorities}
    try:
        with c2pa.Context.from_dict(settings) as context, c2pa.Reader("image/png", BytesIO(png), None, context) as read:
            found: dict[str, Any] = json.loads(read.json())
    except c2pa.C2paError as error:
        raise NotValid(f"its manifest cannot be read: {error}") from error
    failures = [each for each in found.get("validation_status", ()) if each["code"] != UNTRUSTED]
    if failures or found["validation_state"] not in ("Valid", TRUSTED):
        said = [f"{each['code']} ({each.get('explanation', 'unexplained')})" for each in failures]
        raise NotValid("; ".join(said) or f"a reader of C2PA says {found['validation_state']}")
    return found


def _judged(png: bytes, store: bytes, read: dict[str, Any], authorities: str | None) -> Inspection:
    """What a manifest states, where it is one of ours, as it was made, by one who is known, and true of these pixels.

    Raises:
        NotValid, ContainerBroken: it is not.
    """
    manifest = read["manifests"][read["active_manifest"]]
    made_by = manifest["claim_generator_info"][0]
    stated = [each["data"] for each in manifest["assertions"] if each["label"] == LABEL]
    if made_by.get("name") != GENERATOR or len(stated) != 1 or not _is_statement(stated[0]):
        raise NotValid(f"its manifest holds, and states no mask: it is one of {made_by.get('name')}")
    known = None if authorities is None else read["validation_state"] == TRUSTED
    signer = _signer(container.certificate_in(store, str(read["active_manifest"])), known)
    found = Inspection("valid", None, signer, f"{made_by['name']} {made_by.get('version')}", stated[0])
    if known is False:
        return replace(found, state="invalid", reason="none of the authorities given vouches for its signer")
    if stated[0]["sha256"] != _pixels(png):
        return replace(found, state="invalid", reason="its pixels are not those that its manifest states")
    return found


def _is_statement(stated: Any) -> bool:
    """Anybody may sign anything under our name: what is shown has to be of the form that we give it."""
    if not isinstance(stated, dict) or not stated.keys() >= STATED or not isinstance(stated["mask"], dict):
        return False
    concepts = stated["mask"].get("concepts")
    return isinstance(concepts, list) and all(isinstance(each, dict) for each in concepts)


def _signer(certificate: bytes, known: bool | None) -> SignerSeen:
    leaf = x509.load_der_x509_certificate(certificate)
    keyid = keyid_of(leaf.public_key())
    return SignerSeen(leaf.subject.rfc4514_string(), leaf.issuer.rfc4514_string(), keyid, known)


def _pixels(png: bytes) -> str:
    try:
        return pixels.read(png).sha256
    except pixels.PictureUnreadable as error:
        raise NotValid(f"its pixels cannot be read: {error}") from error
