"""What all bundles have in common, whatever they show: who signed, which files, which pictures, the audit's chain."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from cryptography import x509

from sepme_core.canonical import digest_of, digest_of_bytes
from sepme_core.documents.answers import AuditDocument
from sepme_core.provenance import bundle, chain, envelope, history, pixels, statement

MALFORMED = (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError)
"""What comes of reading what was never written by this program."""


class Broken(Exception):
    """A link does not hold; the message says what is wrong."""


@dataclass(frozen=True)
class Link:
    """One link: what holds, in words, or what does not."""

    name: str
    holds: bool
    detail: str


@dataclass(frozen=True)
class Bundle:
    """A bundle's files, and whom one trusts; what the links have in common is read once."""

    files: Mapping[str, bytes]
    trusted: Sequence[x509.Certificate] = field(default=())

    def file(self, name: str) -> bytes:
        """Return a file that must be there."""
        if name not in self.files:
            raise Broken(f"{name} is missing")
        return self.files[name]

    @cached_property
    def signer(self) -> chain.Signer:
        """Who signed."""
        return chain.check(chain.read(self.file(bundle.CHAIN)), self.trusted)

    def signed(self, name: str, kind: str) -> tuple[list[statement.Subject], dict[str, Any]]:
        """Return the subjects and the predicate of a signed statement."""
        try:
            payload = envelope.verify(self.file(name), [self.signer.key]).payload
            return statement.read(payload, kind)
        except (envelope.EnvelopeRefused, statement.StatementRefused) as reason:
            raise Broken(f"{name}: {reason}") from reason

    @cached_property
    def entries(self) -> list[dict[str, Any]]:
        """The audit's entries, in full or not."""
        return list(bundle.parsed(self.file(bundle.AUDIT))["entries"])


Check = Callable[[Any], str]
"""Says what holds of a bundle, in words, or raises."""


def follow(checks: Mapping[str, Check], looked_at: Bundle) -> Iterator[Link]:
    """Check link by link; the first that does not hold is the last one given."""
    for name, check in checks.items():
        try:
            yield Link(name, holds=True, detail=check(looked_at))
        except (Broken, chain.ChainRefused, history.Untold) as reason:
            yield Link(name, holds=False, detail=str(reason))
            return
        except MALFORMED as reason:
            yield Link(
                name, holds=False, detail=f"it is not as a service writes it ({type(reason).__name__}: {reason})"
            )
            return


def signer(looked_at: Bundle) -> str:
    """Who signed, and who vouches for that."""
    found = looked_at.signer
    whose = "" if found.trusted else ", whom nobody was asked to trust"
    dates = f"{found.certificate.not_valid_before_utc:%Y-%m-%d} to {found.certificate.not_valid_after_utc:%Y-%m-%d}"
    by = f"{chain.named(found.root)} (sha256 {chain.fingerprint(found.root)}){whose}"
    return f"{chain.named(found.certificate)}, {dates}, by {by}"


def files(looked_at: Bundle) -> str:
    """The files that are signed for are there, unchanged, and no others."""
    subjects, predicate = looked_at.signed(bundle.FILES, statement.FILES)
    listed = {each["name"]: statement.digest_in(each) for each in subjects}
    there = set(looked_at.files) - {bundle.FILES}
    if missing := sorted(set(listed) - there):
        raise Broken(f"{', '.join(missing)}: signed for, and missing")
    if added := sorted(there - set(listed)):
        raise Broken(f"{', '.join(added)}: there, and not signed for")
    for name, digest in sorted(listed.items()):
        if digest_of_bytes(looked_at.files[name]) != digest:
            raise Broken(f"{name} was changed: it does not have the digest that is signed, {digest}")
    of = ", ".join(map(repr, predicate.values()))
    return f"{len(listed)} of {of}, each with the digest that is signed"


def check_picture(png: bytes, document: Mapping[str, Any], named: Mapping[str, str]) -> None:
    """A picture has the pixels that its record names, and whoever else does, and its file the record.

    Args:
        png: the file.
        document: the picture with its record, as a bundle holds it.
        named: the sha256 of the raw pixels, by who names it.
    """
    picture_id = document["id"]
    try:
        read = pixels.read(png)
    except pixels.PictureUnreadable as reason:
        raise Broken(f"{picture_id}: {reason}") from reason
    for whose, sha256 in ({**named, "its record": document["sha256"]}).items():
        if sha256.removeprefix(statement.SHA256) != read.sha256:
            raise Broken(f"{picture_id}: its pixels have the sha256 {read.sha256}, and {whose} names {sha256}")
    if digest_of_bytes(png) != document["digest"]:
        raise Broken(f"{picture_id}: its record is of another file, with {document['digest']}")
    if read.record != document["record"]:
        raise Broken(f"{picture_id}: its record is not the one in the PNG")


def check_mask(document: Mapping[str, Any]) -> None:
    """A picture's record names increments, and its mask says which concepts and versions they are."""
    mask, record, picture_id = document["mask"], document["record"], document["id"]
    masked = [(each["name"], each["digest"]) for each in mask["concepts"]]
    drawn = [(each["concept"], each["digest"]) for each in record["increments"]]
    if sorted(masked) != sorted(drawn):
        raise Broken(f"{picture_id}: it was drawn under {said(drawn)}, and its mask is {said(masked)}")
    if mask["digest"] != digest_of([digest for _, digest in masked]):
        raise Broken(f"{picture_id}: the digest of its mask is not of what the mask names")


def check_certificate(file: str, found: Mapping[str, Any], attested: Mapping[str, Any]) -> None:
    """A certificate is the one that is attested."""
    if found != attested:
        names = [name for name in sorted({*found, *attested}) if found.get(name) != attested.get(name)]
        raise Broken(f"{file} is not the one that is attested: {', '.join(names)}")


def audited(looked_at: Bundle, head: Mapping[str, Any]) -> str:
    """Every entry names the hash of the one before, up to the attested; one that is there in full has its own."""
    entries = looked_at.entries
    for before, entry in zip([None, *entries], entries, strict=False):
        number = entry["sequence"]
        linked = before is None or (number == before["sequence"] + 1 and entry["previous_hash"] == before["hash"])
        if not linked:
            raise Broken(f"entry {number} does not follow the one before it")
        if "action" in entry and digest_of(_without_hash(entry)) != entry["hash"]:
            raise Broken(f"entry {number} does not have its own hash: it was changed")
    if not entries or (entries[-1]["sequence"], entries[-1]["hash"]) != (head["sequence"], head["hash"]):
        raise Broken(f"the chain does not end at the entry that is attested, {head['sequence']} ({head['hash']})")
    in_full = sum("action" in entry for entry in entries)
    return f"entries {entries[0]['sequence']} to {head['sequence']}, {in_full} of them in full"


def check_made(
    entry: AuditDocument, attested: Mapping[str, Any], certificate: Mapping[str, Any], what: str = "it"
) -> None:
    """An entry of the audit is the one that is attested to have made an increment, and that its certificate names."""
    for named in (attested, certificate.get("audit", entry)):
        if (named["sequence"], named["hash"]) != (entry["sequence"], entry["hash"]):
            raise Broken(
                f"entry {entry['sequence']} made {what}, and entry {named['sequence']} ({named['hash']}) is named"
            )


def check_case(entry: AuditDocument, certificate: Mapping[str, Any], of: str = "") -> None:
    """A certificate that names a case names that of the entry that made its increment."""
    certified = certificate.get("case")
    if certified is not None and certified != entry["details"].get("case"):
        raise Broken(f"the certificate{of} is for the case {certified!r}, and entry {entry['sequence']} is not")


def _without_hash(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name != "hash"}


def said(increments: Sequence[tuple[str, str]]) -> str:
    """Increments in words."""
    return ", ".join(f"{name} {digest}" for name, digest in increments) or "nothing"


def told(grounds: Sequence[statement.Grounds]) -> str:
    """Cases and reasons in words."""
    words = (f"{each.get('case', 'no case')!r} ({each.get('reason', 'no reason given')})" for each in grounds)
    return ", ".join(words) or "none was named"
