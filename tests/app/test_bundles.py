"""A bundle walked from its pictures to the case, and each link of it changed in turn."""

import io
import json
import shutil
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from sqlalchemy import select

from app.attestations.evidence import shown
from sepme_core.canonical import canonical_json, digest_of, digest_of_bytes
from sepme_core.documents.pictures import RECORD_ENTRY
from sepme_core.provenance import authority, bundle, chain, envelope, statement
from sepme_core.provenance.concept_walk import LINKS
from sepme_core.provenance.identity import open_identity
from sepme_core.provenance.walk import walk
from sepme_core.registry import audit
from sepme_core.registry.database import make_engine, writing
from sepme_core.registry.errors import AuditUntold
from sepme_core.registry.tables import AuditEntry
from tests.app.bundles import Forger, breaks, fill, first_broken, made, settings_in, statement_in, unzipped

Files = Mapping[str, bytes]
OTHER_DIGEST = "sha256:" + 64 * "d"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Path:
    home = tmp_path_factory.mktemp("bundles")
    shutil.copy(sqlite_template, home / "registry.sqlite3")
    fill(settings_in(home))
    return home


@pytest.fixture(scope="module")
def cat(home: Path) -> Files:
    """The files in the bundle of the cat."""
    return unzipped(made(settings_in(home), "cat"))


@pytest.fixture(scope="module")
def dog(home: Path) -> Files:
    return unzipped(made(settings_in(home), "dog"))


@pytest.fixture(scope="module")
def forger(home: Path) -> Forger:
    return Forger(open_identity(settings_in(home)))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Forger:
    """Somebody with a key and an authority of their own."""
    return Forger(open_identity(settings_in(tmp_path_factory.mktemp("other"))))


def picture_in(files: Files, *, erased: bool) -> str:
    (found,) = (each["id"] for each in json.loads(files[bundle.CERTIFICATE])["pictures"] if each["erased"] is erased)
    return str(found)


@pytest.mark.parametrize("name", ["cat", "dog", "sepia"])
def test_what_the_service_makes_holds_link_by_link(home: Path, name: str) -> None:
    files = unzipped(made(settings_in(home), name))
    authorities = chain.read((home / "signing" / authority.CA).read_bytes())
    links = list(walk(files, authorities))
    assert [(link.name, link.holds) for link in links] == [(link, True) for link in LINKS]


def test_what_is_given_back_is_attested_too(dog: Files) -> None:
    said = statement_in(dog)["predicate"]
    erased, restored = (entry for entry in json.loads(dog[bundle.AUDIT])["entries"] if "action" in entry)
    assert (said["state"], said["since"]["hash"], said["made"]["hash"]) == (
        "restored",
        restored["hash"],
        erased["hash"],
    )


@pytest.mark.parametrize("change", [{"concept": "dog"}, {"action": "protect"}, {"to_digest": OTHER_DIGEST}])
def test_what_the_audit_does_not_bear_out_is_not_attested(home: Path, change: dict[str, str]) -> None:
    """Not even where every entry has its own hash, and the chain is broken elsewhere."""
    engine = make_engine(settings_in(home).database_url)
    with writing(engine) as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.concept == "sepia")).one()
        for name, value in change.items():
            setattr(entry, name, value)
        entry.hash = audit.hash_of(entry)
        session.flush()
        with pytest.raises(AuditUntold, match="'sepia'"):
            shown(session, "sepia")
        session.rollback()
    engine.dispose()


def test_the_same_registry_gives_the_same_bytes(home: Path) -> None:
    assert made(settings_in(home), "cat") == made(settings_in(home), "cat")


def test_a_bundle_that_was_unpacked_and_packed_by_another_program_holds(cat: Files) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("pictures")
        for name, data in cat.items():
            archive.writestr(name, data)
    assert first_broken(unzipped(out.getvalue())) is None


def test_of_other_concepts_nothing_is_told_but_hashes(cat: Files) -> None:
    entries = json.loads(cat[bundle.AUDIT])["entries"]
    links = [entry for entry in entries if "action" not in entry]
    assert len(links) == 3
    assert all(set(entry) == {"sequence", "previous_hash", "hash"} for entry in links)
    assert {entry["concept"] for entry in entries if "action" in entry} == {"cat"}
    said = statement_in(cat)["predicate"]
    assert {each["name"] for each in said["known"]} == {"dog"}
    assert all(set(each) == {"name", "digest"} for each in [*said["known"], *said["protected"]])


@pytest.mark.parametrize("kind", ["changed", "removed"])
def test_no_file_can_be_changed_or_removed(cat: Files, kind: str) -> None:
    for name in cat:
        files = dict(cat)
        middle = len(files[name]) // 2
        files[name] = files[name][:middle] + bytes([files[name][middle] ^ 1]) + files[name][middle + 1 :]
        if kind == "removed":
            del files[name]
        link = first_broken(files)
        assert link is not None
        assert link.name == ("signer" if name == bundle.CHAIN else "files"), link
        assert name in link.detail or name == bundle.CHAIN
        assert ("missing" in link.detail) is (kind == "removed")


def test_no_file_can_be_added(cat: Files) -> None:
    breaks({**cat, "pictures/more.png": b""}, "files", "pictures/more.png", "not signed for")


def test_who_signs_with_another_key_is_not_who_signed(cat: Files, other: Forger) -> None:
    listed = envelope.sign(b"{}", [other.identity.key])
    breaks({**cat, bundle.FILES: listed}, "files", "no signature fits")


def test_whose_signature_is_good_is_said_by_whoever_checks(home: Path, cat: Files, other: Forger) -> None:
    forged = other.attest(cat, lambda _document: None)
    assert first_broken(forged) is None
    authorities = chain.read((home / "signing" / authority.CA).read_bytes())
    assert first_broken(cat, authorities) is None
    link = first_broken(forged, authorities)
    assert link is not None
    assert link.name == "signer"
    assert chain.fingerprint(authorities[0]) in link.detail


def test_an_attestation_that_another_key_signed(cat: Files, forger: Forger, other: Forger) -> None:
    foreign = other.attest(cat, lambda _document: None)[bundle.ATTESTATION]
    breaks(forger.pack({**cat, bundle.ATTESTATION: foreign}), "attestation", "no signature fits")


def test_the_attestation_of_another_concept(cat: Files, dog: Files, forger: Forger) -> None:
    breaks(forger.pack({**cat, bundle.ATTESTATION: dog[bundle.ATTESTATION]}), "attestation", "'dog'", "'cat'")


def drawn(record: Any, colour: int = 7) -> bytes:
    out, text = io.BytesIO(), PngInfo()
    text.add_text(RECORD_ENTRY, json.dumps(record, sort_keys=True))
    Image.new("RGB", (64, 64), (colour, 0, 0)).save(out, "PNG", pnginfo=text)
    return out.getvalue()


def test_a_picture_with_other_pixels(cat: Files, forger: Forger) -> None:
    picture = picture_in(cat, erased=True)
    record = json.loads(cat[bundle.record_name(picture)])["record"]
    files = forger.pack({**cat, bundle.picture_name(picture): drawn(record)})
    breaks(files, "pictures", picture, "the certificate names")


def test_a_picture_whose_record_is_not_the_one_in_its_file(cat: Files, forger: Forger) -> None:
    picture = picture_in(cat, erased=True)

    def change(document: Any) -> None:
        document["record"]["seed"] += 1

    breaks(forger.change(cat, bundle.record_name(picture), change), "pictures", picture, "not the one in the PNG")


def test_a_picture_that_no_certificate_lists(cat: Files, dog: Files, forger: Forger) -> None:
    more = {name: data for name, data in dog.items() if name.startswith(bundle.PICTURES)}
    breaks(forger.pack({**cat, **more}), "pictures", "lists no such picture")


def test_a_mask_that_is_not_what_the_picture_was_drawn_under(cat: Files, forger: Forger) -> None:
    picture = picture_in(cat, erased=True)

    def change(document: Any) -> None:
        document["mask"]["concepts"][0]["digest"] = OTHER_DIGEST
        document["mask"]["digest"] = digest_of([OTHER_DIGEST])

    breaks(forger.change(cat, bundle.record_name(picture), change), "masks", picture, OTHER_DIGEST)


def test_a_mask_whose_digest_is_of_something_else(cat: Files, forger: Forger) -> None:
    def change(document: Any) -> None:
        document["mask"]["digest"] = OTHER_DIGEST

    for erased in (True, False):
        picture = picture_in(cat, erased=erased)
        breaks(forger.change(cat, bundle.record_name(picture), change), "masks", picture)


def redrawn(files: Files, picture: str, digest: str) -> dict[str, bytes]:
    """The picture, drawn under another increment by all that it and its record say."""
    png, document = files[bundle.picture_name(picture)], json.loads(files[bundle.record_name(picture)])
    document["record"]["increments"] = [{"concept": "cat", "digest": digest}]
    version = document["mask"]["concepts"][0]["version"]
    document["mask"] = {
        "digest": digest_of([digest]),
        "concepts": [{"name": "cat", "version": version, "digest": digest}],
    }
    out, text = io.BytesIO(), PngInfo()
    text.add_text(RECORD_ENTRY, json.dumps(document["record"], sort_keys=True))
    Image.open(io.BytesIO(png)).save(out, "PNG", pnginfo=text)
    document["digest"] = digest_of_bytes(out.getvalue())
    changed = {bundle.picture_name(picture): out.getvalue(), bundle.record_name(picture): canonical_json(document)}
    return {**files, **changed}


def test_a_picture_that_was_drawn_under_another_increment(cat: Files, forger: Forger) -> None:
    picture = picture_in(cat, erased=True)
    breaks(forger.pack(redrawn(cat, picture, OTHER_DIGEST)), "increment", picture, OTHER_DIGEST)


def test_another_certificate(cat: Files, forger: Forger) -> None:
    def better(certificate: Any) -> None:
        certificate["correlation"] = 0.0

    breaks(forger.change(cat, bundle.CERTIFICATE, better), "certificate", "correlation")


def on_entries(change: Callable[[list[Any]], Any]) -> Callable[[Any], None]:
    def changed(document: Any) -> None:
        change(document["entries"])

    return changed


def rename(entries: list[Any]) -> None:
    next(entry for entry in entries if "action" in entry)["actor"] = "somebody"


@pytest.mark.parametrize(
    "change",
    [
        lambda entries: entries.reverse(),
        lambda entries: entries.insert(1, entries.pop(2)),
        lambda entries: entries.pop(2),
        lambda entries: entries.pop(),
        lambda entries: entries.clear(),
        lambda entries: entries[2].update(hash=OTHER_DIGEST),
        rename,
    ],
)
def test_an_audit_that_is_not_the_chain(cat: Files, forger: Forger, change: Any) -> None:
    breaks(forger.change(cat, bundle.AUDIT, on_entries(change)), "audit")


def test_an_increment_that_no_entry_has(cat: Files, forger: Forger) -> None:
    """Without pictures, which would tell it before."""
    shown = {name: data for name, data in cat.items() if not name.startswith(bundle.PICTURES)}
    certificate = {**json.loads(cat[bundle.CERTIFICATE]), "pictures": []}

    def change(document: Any) -> None:
        document["subject"] = [statement.subject(document["subject"][0]["name"], OTHER_DIGEST)]
        document["predicate"]["certificate"] = certificate

    files = forger.attest({**shown, bundle.CERTIFICATE: canonical_json(certificate)}, change)
    breaks(files, "version", OTHER_DIGEST)


def test_an_older_version_than_the_one_that_serves(cat: Files, forger: Forger) -> None:
    entries = json.loads(cat[bundle.AUDIT])["entries"]
    before = next(entry for entry in reversed(entries) if "action" in entry)
    later = {**before, "action": "reproject", "from_digest": before["to_digest"], "to_digest": OTHER_DIGEST}
    later |= {"sequence": entries[-1]["sequence"] + 1, "previous_hash": entries[-1]["hash"], "details": {"version": 2}}
    later["hash"] = digest_of({name: value for name, value in later.items() if name != "hash"})
    files = {**cat, bundle.AUDIT: canonical_json({"entries": [*entries, later]})}
    head = {"sequence": later["sequence"], "hash": later["hash"]}
    breaks(forger.attest(files, said(audit=head)), "state", OTHER_DIGEST, "serves")


def said(**members: Any) -> Callable[[Any], None]:
    def change(document: Any) -> None:
        document["predicate"].update(members)

    return change


ENTRY = {"sequence": 1, "hash": OTHER_DIGEST, "at": "2026-01-01T00:00:00.000000Z", "action": "erase"}


@pytest.mark.parametrize(
    ("change", "link"),
    [
        (said(made=ENTRY), "version"),
        (said(state="restored"), "state"),
        (said(since=ENTRY), "state"),
        (said(grounds=[{"sequence": 3, "case": "2026-0117"}]), "case"),
        (said(grounds=None), "case"),
        (said(base_digest=OTHER_DIGEST), "increment"),
        (said(audit={"sequence": 99, "hash": OTHER_DIGEST}), "audit"),
        (said(version=7), "attestation"),
        (said(certificate=None), "pictures"),
    ],
)
def test_a_statement_that_nothing_bears_out(cat: Files, forger: Forger, change: Any, link: str) -> None:
    breaks(forger.attest(cat, change), link)


def test_a_certificate_for_a_case_that_the_audit_does_not_have(cat: Files, forger: Forger) -> None:
    certificate = {**json.loads(cat[bundle.CERTIFICATE]), "case": "2026-0117"}
    files = {**cat, bundle.CERTIFICATE: canonical_json(certificate)}
    breaks(forger.attest(files, said(certificate=certificate)), "case", "2026-0117")


@pytest.mark.parametrize("name", [bundle.AUDIT, bundle.CERTIFICATE])
@pytest.mark.parametrize("document", [[], {}, None, 7, {"entries": [None]}, {"entries": [{"sequence": "1"}]}])
def test_files_of_any_other_shape_do_not_hold(cat: Files, forger: Forger, name: str, document: Any) -> None:
    link = first_broken(forger.change(cat, name, lambda _before: document if document is not None else "null"))
    assert link is not None
    assert link.name == {bundle.AUDIT: "audit", bundle.CERTIFICATE: "certificate"}[name]
