"""From the evidence of a concept to the case it was erased for, link by link, by nothing but a bundle's files."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, cast

from sepme_core.documents.answers import AuditDocument
from sepme_core.provenance import bundle, history, links, statement
from sepme_core.provenance.links import Broken
from sepme_core.provenance.manifests import check_manifest


class ConceptBundle(links.Bundle):
    """What is shown of one concept."""

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
    def own_entries(self) -> list[AuditDocument]:
        """Those of the concept."""
        return [cast("AuditDocument", each) for each in self.entries if each.get("concept") == self.attested["concept"]]


def _attestation(looked_at: ConceptBundle) -> str:
    subjects, predicate = looked_at.signed(bundle.ATTESTATION, statement.CONCEPT)
    name = f"{predicate['concept']}@{predicate['version']}"
    if [each["name"] for each in subjects] != [name]:
        raise Broken(f"it is about {', '.join(each['name'] for each in subjects)}, and says something of {name}")
    other = looked_at.signed(bundle.FILES, statement.FILES)[1]["concept"]
    if other != predicate["concept"]:
        raise Broken(f"it is of {predicate['concept']!r}, and the bundle is of {other!r}")
    since = predicate["since"]
    return f"{name} is {predicate['state']} since {since['at']} (entry {since['sequence']})"


def _pictures(looked_at: ConceptBundle) -> str:
    listed = looked_at.attested["certificate"].get("pictures", [])
    wanted = {each["id"] for each in listed}
    stored = {name.removeprefix(bundle.PICTURES) for name in looked_at.files if name.startswith(bundle.PICTURES)}
    if more := sorted({name.rpartition(".")[0] for name in stored} - wanted):
        raise Broken(f"{', '.join(more)}: the certificate lists no such picture")
    for each in listed:
        _check_picture(looked_at, each["id"], each["sha256"])
    return f"{len(wanted)}, each with the pixels that its record and the certificate name"


def _check_picture(looked_at: ConceptBundle, picture_id: str, certified: str) -> None:
    document = looked_at.records[picture_id]
    if document["id"] != picture_id:
        raise Broken(f"{picture_id}: its record is of another picture, {document['id']}")
    links.check_picture(looked_at.file(bundle.picture_name(picture_id)), document, {"the certificate": certified})


def _manifests(looked_at: ConceptBundle) -> str:
    """A picture by which an erasure was decided states what its record says, and that is signed."""
    for picture_id, document in looked_at.records.items():
        check_manifest(looked_at.file(bundle.picture_name(picture_id)), document, looked_at.trusted)
    signed = sum(document["record"].get("signed", False) for document in looked_at.records.values())
    return f"{signed} of {len(looked_at.records)} pictures carry one, and each is valid and of its record"


def _masks(looked_at: ConceptBundle) -> str:
    for document in looked_at.records.values():
        links.check_mask(document)
    return "each is of the increments that the picture's record names"


def _increment(looked_at: ConceptBundle) -> str:
    """Evidence is drawn under nothing, or under the increment that is attested and nothing else."""
    attested, own = looked_at.attested, looked_at.increment
    wanted = [(attested["concept"], attested["version"], own)]
    with_it = {each["id"] for each in attested["certificate"].get("pictures", []) if each["erased"]}
    for picture_id, document in looked_at.records.items():
        drawn = [(each["name"], each["version"], each["digest"]) for each in document["mask"]["concepts"]]
        if drawn != (wanted if picture_id in with_it else []):
            said = links.said([(f"{name}@{version}", digest) for name, version, digest in drawn])
            raise Broken(f"{picture_id}: it was drawn under {said}; what is attested is {own}")
        if {document["base_digest"], document["record"]["base_digest"]} != {attested["base_digest"]}:
            raise Broken(f"{picture_id}: it was drawn by another base than {attested['base_digest']}")
    return f"{own}, under which {len(with_it)} of the pictures were drawn"


def _certificate(looked_at: ConceptBundle) -> str:
    found = bundle.parsed(looked_at.file(bundle.CERTIFICATE))
    links.check_certificate(bundle.CERTIFICATE, found, cast("Mapping[str, Any]", looked_at.attested["certificate"]))
    return "the one that is attested"


def _audit(looked_at: ConceptBundle) -> str:
    return links.audited(looked_at, looked_at.attested["audit"])


def _made(looked_at: ConceptBundle) -> str:
    """The version came to be by the entry that is attested, and that its certificate names, with this increment."""
    attested = looked_at.attested
    entry = history.made(looked_at.own_entries, attested["version"], looked_at.increment)
    links.check_made(entry, attested["made"], cast("Mapping[str, Any]", attested["certificate"]))
    return f"entry {entry['sequence']}, {entry['action']}, {entry['at']}, by {entry['actor']}"


def _since(looked_at: ConceptBundle) -> str:
    attested = looked_at.attested
    entry = history.since(looked_at.own_entries, attested["state"])
    if attested["since"] != statement.named(entry):
        raise Broken(f"by the audit it is {attested['state']} since entry {entry['sequence']}, and not as attested")
    serving = [each["to_digest"] for each in looked_at.own_entries if each["to_digest"] is not None][-1:]
    if attested["state"] == "erased" and serving != [looked_at.increment]:
        raise Broken(f"by the audit {serving[0]} serves, and {looked_at.increment} is attested")
    return f"{attested['state']} by entry {entry['sequence']}, {entry['action']}, by {entry['actor']}"


def _case(looked_at: ConceptBundle) -> str:
    """The grounds are those in the audit, and a version's certificate names the case of the entry that made it."""
    attested = looked_at.attested
    by_audit = history.grounds(looked_at.own_entries, attested["state"])
    if attested["grounds"] != by_audit:
        raise Broken(f"attested is: {links.told(attested['grounds'])}; and the audit has: {links.told(by_audit)}")
    made = history.made(looked_at.own_entries, attested["version"], looked_at.increment)
    links.check_case(made, cast("Mapping[str, Any]", attested["certificate"]))
    return links.told(attested["grounds"])


LINKS: Mapping[str, links.Check] = {
    "signer": links.signer,
    "files": links.files,
    "attestation": _attestation,
    "pictures": _pictures,
    "manifests": _manifests,
    "masks": _masks,
    "increment": _increment,
    "certificate": _certificate,
    "audit": _audit,
    "version": _made,
    "state": _since,
    "case": _case,
}
"""In their order: who signed, and what; then from the pictures on to the case."""
