"""The manifests of a bundle's pictures, held against their records."""

from collections.abc import Mapping, Sequence
from typing import Any

from cryptography import x509

from sepme_core.provenance import chain, statement
from sepme_core.provenance.inspection import Inspection, NoPicture, inspect
from sepme_core.provenance.links import Broken

SHOWN = ("base_digest", "seed", "steps", "guidance_scale", "scheduler", "width", "height", "batches")
"""What a manifest and a record both say."""


def check_manifest(png: bytes, document: Mapping[str, Any], trusted: Sequence[x509.Certificate]) -> Inspection:
    """Hold a picture's manifest against its record, which says whether there is one.

    Args:
        png: the file.
        document: the picture with its record, as a bundle holds it.
        trusted: certificates of the authorities that are believed; none: whoever signed is taken for good.

    Raises:
        Broken: it is missing, not valid, by nobody who is trusted, or says something else than the record.
    """
    picture_id, record = document["id"], document["record"]
    try:
        found = inspect(png, chain.to_pem(trusted).decode() if trusted else None)
    except NoPicture as reason:
        raise Broken(f"{picture_id}: {reason}") from reason
    if found.state == "unsigned" and not record.get("signed", False):
        return found
    if found.state != "valid" or found.statement is None:
        raise Broken(f"{picture_id}: its manifest is not valid: {found.reason}")
    stated: Mapping[str, Any] = found.statement
    shown = {name: record[name] for name in SHOWN if name in record}
    if differing := sorted(name for name, value in shown.items() if stated.get(name) != value):
        raise Broken(f"{picture_id}: its manifest and its record differ: {', '.join(differing)}")
    if stated["sha256"] != document["sha256"].removeprefix(statement.SHA256):
        raise Broken(f"{picture_id}: its manifest is of the pixels {stated['sha256']}, not {document['sha256']}")
    _check_mask(picture_id, stated["mask"], document["mask"])
    return found


def _check_mask(picture_id: str, stated: Mapping[str, Any], mask: Mapping[str, Any]) -> None:
    """A version is stated where there was one: evidence is drawn before its increment has any."""
    versions = {each["name"]: each["version"] for each in mask["concepts"]}
    found = [{"version": versions.get(each.get("name")), **each} for each in stated["concepts"]]
    if found != mask["concepts"] or stated.get("digest") != mask["digest"]:
        raise Broken(f"{picture_id}: its manifest states another mask than its record: {stated.get('digest')}")
