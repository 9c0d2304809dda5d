"""From a picture to the cases for which it lacks what it lacks, link by link, by nothing but a bundle's files."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, cast

from sepme_core.documents.answers import AuditDocument
from sepme_core.provenance import bundle, history, links, statement
from sepme_core.provenance.links import Broken
from sepme_core.provenance.manifests import check_manifest


class PictureBundle(links.Bundle):
    """What is shown of one picture."""

    @cached_property
    def attested(self) -> statement.PicturePredicate:
        """What is attested."""
        return cast("statement.PicturePredicate", self.signed(bundle.ATTESTATION, statement.PICTURE)[1])

    @cached_property
    def document(self) -> dict[str, Any]:
        """The picture with its record."""
        return dict(bundle.parsed(self.file(bundle.RECORD)))

    def entries_of(self, concept: str) -> list[AuditDocument]:
        """Those of a concept."""
        return [cast("AuditDocument", each) for each in self.entries if each.get("concept") == concept]

    def lives(self) -> Iterator[tuple[statement.IncrementOfPicture, list[AuditDocument]]]:
        """Each increment with the entries of that life of its concept in which it was made."""
        for each in self.attested["increments"]:
            entries, moment = self.entries_of(each["concept"]), self.attested["asked_at"]
            yield each, history.life(entries, each["version"], each["digest"], moment)


def _attestation(looked_at: PictureBundle) -> str:
    subjects, predicate = looked_at.signed(bundle.ATTESTATION, statement.PICTURE)
    name = f"{predicate['picture']}.png"
    if [each["name"] for each in subjects] != [name]:
        raise Broken(f"it is about {', '.join(each['name'] for each in subjects)}, and says something of {name}")
    other = looked_at.signed(bundle.FILES, statement.FILES)[1].get("picture")
    if other != predicate["picture"]:
        raise Broken(f"it is of {predicate['picture']!r}, and the bundle is of {other!r}")
    if statement.digest_in(subjects[0]) != looked_at.document["digest"]:
        raise Broken(f"it is of another file: {statement.digest_in(subjects[0])}")
    return f"picture {predicate['picture']} of job {predicate['job']}, asked for at {predicate['asked_at']}"


def _picture(looked_at: PictureBundle) -> str:
    attested, document = looked_at.attested, looked_at.document
    if document["id"] != attested["picture"]:
        raise Broken(f"its record is of another picture, {document['id']}")
    links.check_picture(looked_at.file(bundle.PICTURE), document, {"the attestation": attested["sha256"]})
    return f"pixels {attested['sha256']}, as its record and the attestation name them"


def _manifest(looked_at: PictureBundle) -> str:
    found = check_manifest(looked_at.file(bundle.PICTURE), looked_at.document, looked_at.trusted)
    if found.signer is None:
        return "none; its record says that it was published without"
    stated: Mapping[str, Any] = found.statement or {}
    if stated.get("job") != looked_at.attested["job"]:
        raise Broken(f"it states the job {stated.get('job')}, and {looked_at.attested['job']} is attested")
    return f"valid, signed by {found.signer.subject}, for whom {found.signer.issuer} vouches"


def _mask(looked_at: PictureBundle) -> str:
    attested, document = looked_at.attested, looked_at.document
    links.check_mask(document)
    if document["mask"] != attested["mask"]:
        raise Broken(
            f"its record has the mask {document['mask']['digest']}, and {attested['mask']['digest']} is attested"
        )
    return f"{attested['mask']['digest']}: {links.said(_named(attested['mask']['concepts']))}"


def _named(concepts: Any) -> list[tuple[str, str]]:
    return [(f"{each['name']}@{each['version']}", each["digest"]) for each in concepts]


def _increments(looked_at: PictureBundle) -> str:
    """What is attested of increments is of those of the mask, and they are of the base that drew the picture."""
    attested, document = looked_at.attested, looked_at.document
    of = [(f"{each['concept']}@{each['version']}", each["digest"]) for each in attested["increments"]]
    if sorted(of) != sorted(_named(attested["mask"]["concepts"])):
        raise Broken(f"the mask is of other increments than are attested: {links.said(of)}")
    base = attested["base_digest"]
    for named in (document["base_digest"], document["record"]["base_digest"]):
        if named != base:
            raise Broken(f"the picture was drawn by the base {named}, and {base} is attested")
    for each in attested["increments"]:
        if each["base_digest"] not in (base, None):
            raise Broken(f"{each['concept']!r} has an increment of another base, {each['base_digest']}")
    return f"{len(of)}, for the base {base}"


def _certificates(looked_at: PictureBundle) -> str:
    attested = looked_at.attested["increments"]
    wanted = {bundle.certificate_name(each["concept"]): each["certificate"] for each in attested}
    there = {name for name in looked_at.files if name.startswith(bundle.CERTIFICATES)}
    if more := sorted(there - {name for name, certificate in wanted.items() if certificate is not None}):
        raise Broken(f"{', '.join(more)}: nothing of the kind is attested")
    for each in attested:
        name = bundle.certificate_name(each["concept"])
        if each["certificate"] is None and each["purged"] is None:
            raise Broken(f"{each['concept']!r} has none, and was never purged")
        if each["certificate"] is not None:
            found = bundle.parsed(looked_at.file(name))
            links.check_certificate(name, found, cast("Mapping[str, Any]", each["certificate"]))
    gone = [each["concept"] for each in attested if each["certificate"] is None]
    return f"{len(there)}, as attested" + (f"; of {', '.join(gone)} it went when that was purged" if gone else "")


def _audit(looked_at: PictureBundle) -> str:
    return links.audited(looked_at, looked_at.attested["audit"])


def _versions(looked_at: PictureBundle) -> str:
    """Each increment came to be by the entry that is attested, and that its certificate names."""
    told = []
    for each, life in looked_at.lives():
        entry = history.made(life, each["version"], each["digest"])
        certificate = cast("Mapping[str, Any]", each["certificate"] or {})
        links.check_made(entry, each["made"], certificate, what=repr(each["concept"]))
        purge = statement.named(life[-1]) if life[-1]["action"] == "purge" else None
        if each["purged"] != purge:
            raise Broken(
                f"by the audit {each['concept']!r} was {'purged' if purge else 'not purged'}, and not as attested"
            )
        told.append(f"{each['concept']}@{each['version']} by entry {entry['sequence']}, {entry['action']}")
    return "; ".join(told) or "none"


def _cases(looked_at: PictureBundle) -> str:
    """The grounds are those that the audit had when the picture was asked for."""
    told = []
    for each, life in looked_at.lives():
        by_audit = history.grounds_by(life, looked_at.attested["asked_at"], each["made"]["sequence"])
        if each["grounds"] != by_audit:
            raise Broken(
                f"for {each['concept']!r} is attested: {links.told(each['grounds'])}; "
                f"and the audit has: {links.told(by_audit)}"
            )
        made = history.made(life, each["version"], each["digest"])
        certificate = cast("Mapping[str, Any]", each["certificate"] or {})
        links.check_case(made, certificate, of=f" of {each['concept']!r}")
        told.append(f"{each['concept']}: {links.told(each['grounds'])}")
    return "; ".join(told) or "nothing was erased in it"


LINKS: Mapping[str, links.Check] = {
    "signer": links.signer,
    "files": links.files,
    "attestation": _attestation,
    "picture": _picture,
    "manifest": _manifest,
    "mask": _mask,
    "increments": _increments,
    "certificates": _certificates,
    "audit": _audit,
    "versions": _versions,
    "cases": _cases,
}
"""In their order: who signed, and what; then from the picture on to its mask, its increments and their cases."""
