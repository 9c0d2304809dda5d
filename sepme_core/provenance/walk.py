"""From a picture to the case it was erased for, link by link, by nothing but a bundle's files."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

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
    def attested(self) -> statement.ConceptPredicate:
        """What is attested."""
        return cast("statement.ConceptPredicate", self.signed(bundle.ATTESTATION, statement.CONCEPT)[1])

    @cached_property
    def increment(self) -> str:
        """The digest that it is attested of."""
        return statement.digest_in(self.signed(bundle.ATTESTATION, statement.CONCEPT)[0][0])

    @cached_property
    def records(self) -> dict[str, dict[str, Any]]:
        """The pictures with their records, by id, as the certificate lists them."""
        listed = self.attested["certificate"].get("pictures", [])
        return {each["id"]: bundle.parsed(self.file(bundle.record_name(each["id"]))) for each in listed}

    @cached_property
    def entries(self) -> list[dict[str, Any]]:
        """The audit's entries, in full or not."""
        return list(bundle.parsed(self.file(bundle.AUDIT))["entries"])

    @cached_property
    def own_entries(self) -> list[AuditDocument]:
        """Those of the concept."""
        return [cast("AuditDocument", each) for each in self.entries if each.get("concept") == self.attested["concept"]]


def walk(files: Mapping[str, bytes], trusted: Sequence[x509.Certificate] = ()) -> Iterator[Link]:
    """Walk a bundle; the first link that does not hold is the last one given.

    Args:
        files: of `bundle.unzipped`.
        trusted: certificates of the authorities that are believed; none: whoever signed is taken for good.
    """
    looked_at = Bundle(files, trusted)
    for name, check in LINKS.items():
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


def _signer(looked_at: Bundle) -> str:
    signer = looked_at.signer
    whose = "" if signer.trusted else ", whom nobody was asked to trust"
    dates = f"{signer.certificate.not_valid_before_utc:%Y-%m-%d} to {signer.certificate.not_valid_after_utc:%Y-%m-%d}"
    by = f"{chain.named(signer.root)} (sha256 {chain.fingerprint(signer.root)}){whose}"
    return f"{chain.named(signer.certificate)}, {dates}, by {by}"


def _files(looked_at: Bundle) -> str:
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
    return f"{len(listed)} of {predicate['concept']!r}, each with the digest that is signed"


def _attestation(looked_at: Bundle) -> str:
    subjects, predicate = looked_at.signed(bundle.ATTESTATION, statement.CONCEPT)
    name = f"{predicate['concept']}@{predicate['version']}"
    if [each["name"] for each in subjects] != [name]:
        raise Broken(f"it is about {', '.join(each['name'] for each in subjects)}, and says something of {name}")
    other = looked_at.signed(bundle.FILES, statement.FILES)[1]["concept"]
    if other != predicate["concept"]:
        raise Broken(f"it is of {predicate['concept']!r}, and the bundle is of {other!r}")
    since = predicate["since"]
    return f"{name} is {predicate['state']} since {since['at']} (entry {since['sequence']})"


def _pictures(looked_at: Bundle) -> str:
    listed = looked_at.attested["certificate"].get("pictures", [])
    wanted = {each["id"] for each in listed}
    stored = {name.removeprefix(bundle.PICTURES) for name in looked_at.files if name.startswith(bundle.PICTURES)}
    if more := sorted({name.rpartition(".")[0] for name in stored} - wanted):
        raise Broken(f"{', '.join(more)}: the certificate lists no such picture")
    for each in listed:
        _check_picture(looked_at, each["id"], each["sha256"])
    return f"{len(wanted)}, each with the pixels that its record and the certificate name"


def _check_picture(looked_at: Bundle, picture_id: str, certified: str) -> None:
    png, document = looked_at.file(bundle.picture_name(picture_id)), looked_at.records[picture_id]
    try:
        read = pixels.read(png)
    except pixels.PictureUnreadable as reason:
        raise Broken(f"{picture_id}: {reason}") from reason
    for whose, named in (("the certificate", certified), ("its record", document["sha256"])):
        if named.removeprefix(statement.SHA256) != read.sha256:
            raise Broken(f"{picture_id}: its pixels have the sha256 {read.sha256}, and {whose} names {named}")
    if digest_of_bytes(png) != document["digest"] or document["id"] != picture_id:
        raise Broken(f"{picture_id}: its record is of another file, {document['id']} with {document['digest']}")
    if read.record != document["record"]:
        raise Broken(f"{picture_id}: its record is not the one in the PNG")


def _masks(looked_at: Bundle) -> str:
    """A picture's record names increments, and its mask says which concepts and versions they are."""
    for picture_id, document in looked_at.records.items():
        mask, record = document["mask"], document["record"]
        masked = [(each["name"], each["digest"]) for each in mask["concepts"]]
        drawn = [(each["concept"], each["digest"]) for each in record["increments"]]
        if sorted(masked) != sorted(drawn):
            raise Broken(f"{picture_id}: it was drawn under {_said(drawn)}, and its mask is {_said(masked)}")
        if mask["digest"] != digest_of([digest for _, digest in masked]):
            raise Broken(f"{picture_id}: the digest of its mask is not of what the mask names")
    return "each is of the increments that the picture's record names"


def _said(increments: list[tuple[str, str]]) -> str:
    return ", ".join(f"{name} {digest}" for name, digest in increments) or "nothing"


def _increment(looked_at: Bundle) -> str:
    """Evidence is drawn under nothing, or under the increment that is attested and nothing else."""
    attested, own = looked_at.attested, looked_at.increment
    wanted = [(attested["concept"], attested["version"], own)]
    with_it = {each["id"] for each in attested["certificate"].get("pictures", []) if each["erased"]}
    for picture_id, document in looked_at.records.items():
        drawn = [(each["name"], each["version"], each["digest"]) for each in document["mask"]["concepts"]]
        if drawn != (wanted if picture_id in with_it else []):
            said = _said([(f"{name}@{version}", digest) for name, version, digest in drawn])
            raise Broken(f"{picture_id}: it was drawn under {said}; what is attested is {own}")
        if {document["base_digest"], document["record"]["base_digest"]} != {attested["base_digest"]}:
            raise Broken(f"{picture_id}: it was drawn by another base than {attested['base_digest']}")
    return f"{own}, under which {len(with_it)} of the pictures were drawn"


def _certificate(looked_at: Bundle) -> str:
    certificate = bundle.parsed(looked_at.file(bundle.CERTIFICATE))
    attested = cast("dict[str, Any]", looked_at.attested["certificate"])
    if certificate != attested:
        names = [name for name in sorted({*certificate, *attested}) if certificate.get(name) != attested.get(name)]
        raise Broken(f"{bundle.CERTIFICATE} is not the one that is attested: {', '.join(names)}")
    return "the one that is attested"


def _chain(looked_at: Bundle) -> str:
    """Every entry names the hash of the one before; one that is there in full has its own."""
    entries, head = looked_at.entries, looked_at.attested["audit"]
    for before, entry in zip([None, *entries], entries, strict=False):
        number = entry["sequence"]
        linked = before is None or (number == before["sequence"] + 1 and entry["previous_hash"] == before["hash"])
        if not linked:
            raise Broken(f"entry {number} does not follow the one before it")
        if "action" in entry and digest_of(_without_hash(entry)) != entry["hash"]:
            raise Broken(f"entry {number} does not have its own hash: it was changed")
    if not entries or (entries[-1]["sequence"], entries[-1]["hash"]) != (head["sequence"], head["hash"]):
        raise Broken(f"the chain does not end at the entry that is attested, {head['sequence']} ({head['hash']})")
    return f"entries {entries[0]['sequence']} to {head['sequence']}, {len(looked_at.own_entries)} of them in full"


def _without_hash(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name != "hash"}


def _made(looked_at: Bundle) -> str:
    """The version came to be by the entry that is attested, and that its certificate names, with this increment."""
    attested = looked_at.attested
    entry = history.made(looked_at.own_entries, attested["version"], looked_at.increment)
    named = attested["certificate"].get("audit", {"sequence": entry["sequence"], "hash": entry["hash"]})
    for said in (attested["made"], named):
        if (said["sequence"], said["hash"]) != (entry["sequence"], entry["hash"]):
            raise Broken(f"entry {entry['sequence']} made it, and entry {said['sequence']} ({said['hash']}) is named")
    return f"entry {entry['sequence']}, {entry['action']}, {entry['at']}, by {entry['actor']}"


def _since(looked_at: Bundle) -> str:
    attested = looked_at.attested
    entry = history.since(looked_at.own_entries, attested["state"])
    if attested["since"] != statement.named(entry):
        raise Broken(f"by the audit it is {attested['state']} since entry {entry['sequence']}, and not as attested")
    serving = [each["to_digest"] for each in looked_at.own_entries if each["to_digest"] is not None][-1:]
    if attested["state"] == "erased" and serving != [looked_at.increment]:
        raise Broken(f"by the audit {serving[0]} serves, and {looked_at.increment} is attested")
    return f"{attested['state']} by entry {entry['sequence']}, {entry['action']}, by {entry['actor']}"


def _case(looked_at: Bundle) -> str:
    """The grounds are those in the audit, and a version's certificate names the case of the entry that made it."""
    attested = looked_at.attested
    by_audit = history.grounds(looked_at.own_entries, attested["state"])
    if attested["grounds"] != by_audit:
        raise Broken(f"attested is: {_told(attested['grounds'])}; and the audit has: {_told(by_audit)}")
    made = history.made(looked_at.own_entries, attested["version"], looked_at.increment)
    certified = cast("dict[str, Any]", attested["certificate"]).get("case")
    if certified is not None and certified != made["details"].get("case"):
        raise Broken(f"the certificate is for the case {certified!r}, and entry {made['sequence']} is not")
    return _told(attested["grounds"])


def _told(grounds: Sequence[statement.Grounds]) -> str:
    told = (f"{each.get('case', 'no case')!r} ({each.get('reason', 'no reason given')})" for each in grounds)
    return ", ".join(told) or "none was named"


LINKS: Mapping[str, Callable[[Bundle], str]] = {
    "signer": _signer,
    "files": _files,
    "attestation": _attestation,
    "pictures": _pictures,
    "masks": _masks,
    "increment": _increment,
    "certificate": _certificate,
    "audit": _chain,
    "version": _made,
    "state": _since,
    "case": _case,
}
"""In their order: who signed, and what; then from the pictures on to the case."""
