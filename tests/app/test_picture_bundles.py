"""A picture walked to the cases for which it lacks what it lacks, and each link of that changed in turn."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from app.attestations.__main__ import made as written
from sepme_core.canonical import canonical_json, digest_of, digest_of_bytes
from sepme_core.provenance import authority, bundle, chain, envelope, picture_walk, statement
from sepme_core.provenance.identity import open_identity
from sepme_core.provenance.walk import walk
from sepme_core.registry import concepts
from sepme_core.registry.blobs import open_blobs
from sepme_core.registry.database import make_engine, writing
from sepme_core.settings import Settings
from tests.app import drawn, working
from tests.app.bundles import Forger, breaks, first_broken, settings_in, statement_in, unzipped
from tests.app.problems import problem_of

Files = dict[str, bytes]
OTHER_DIGEST = "sha256:" + 64 * "d"


def erase(engine: Engine, settings: Settings, name: str, case: str | None = None) -> None:
    with writing(engine) as session:
        asked: Any = {"name": name, "case": case}
        job_id = concepts.accept_erasure(session, asked, "ops").job.id
    working.erase(engine, open_blobs(settings.blob_url), job_id, evidence=True)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Path:
    home = tmp_path_factory.mktemp("pictures")
    shutil.copy(sqlite_template, home / "registry.sqlite3")
    return home


@pytest.fixture(scope="module")
def pictures(home: Path) -> Mapping[str, str]:
    """Pictures by what was erased in them; the fox is purged afterwards, and the dog restored."""
    settings = settings_in(home)
    engine, blobs, identity = make_engine(settings.database_url), open_blobs(settings.blob_url), open_identity(settings)
    working.announce(engine)
    erase(engine, settings, "cat", "2026-0117")
    erase(engine, settings, "dog")
    erase(engine, settings, "fox", "2026-0200")
    jobs = {"both": ["cat", "dog"], "nothing": [], "fox": ["fox"], "restored": ["dog"], "unsigned": ["cat"]}
    found = {}
    for name, mask in jobs.items():
        if name == "restored":
            with writing(engine) as session:
                concepts.restore(session, "dog", "ops")
        job_id = drawn.asked(engine, mask)
        found[name] = drawn.picture(engine, blobs, job_id, None if name == "unsigned" else identity)
    with writing(engine) as session:
        concepts.purge(session, "fox", "ops")
    erase(engine, settings, "fox", "2026-0300")
    engine.dispose()
    return found


@pytest.fixture(scope="module")
def of(home: Path, pictures: Mapping[str, str]) -> Callable[[str], Files]:
    """The files in the bundle of a picture."""
    made = {name: unzipped(written(settings_in(home), None, each)[1]) for name, each in pictures.items()}
    return lambda name: dict(made[name])


@pytest.fixture
def both(of: Callable[[str], Files]) -> Files:
    return of("both")


@pytest.fixture(scope="module")
def forger(home: Path) -> Forger:
    return Forger(open_identity(settings_in(home)))


@pytest.mark.parametrize("name", ["both", "nothing", "fox", "restored", "unsigned"])
def test_what_the_service_makes_holds_link_by_link(home: Path, of: Callable[[str], Files], name: str) -> None:
    authorities = chain.read((home / "signing" / authority.CA).read_bytes())
    links = list(walk(of(name), authorities))
    assert [(link.name, link.holds) for link in links] == [(link, True) for link in picture_walk.LINKS], links[-1]


def words_of(files: Files) -> dict[str, str]:
    return {link.name: link.detail for link in walk(files)}


def test_it_leads_to_the_cases_that_there_were_when_it_was_asked_for(of: Callable[[str], Files]) -> None:
    assert words_of(of("both"))["cases"] == "cat: '2026-0117' (no reason given); dog: none was named"
    assert words_of(of("fox"))["cases"] == "fox: '2026-0200' (no reason given)"
    assert words_of(of("nothing"))["cases"] == "nothing was erased in it"


def test_of_what_was_purged_since_the_audit_alone_is_left(of: Callable[[str], Files]) -> None:
    words = words_of(of("fox"))
    assert words["certificates"] == "0, as attested; of fox it went when that was purged"
    (said,) = statement_in(of("fox"))["predicate"]["increments"]
    assert (said["certificate"], said["purged"]["action"]) == (None, "purge")


def test_a_mask_may_hold_what_was_restored_which_no_case_is_for(of: Callable[[str], Files]) -> None:
    assert words_of(of("restored"))["cases"] == "dog: none was named"


def test_a_picture_without_a_manifest_says_so(of: Callable[[str], Files]) -> None:
    assert words_of(of("unsigned"))["manifest"] == "none; its record says that it was published without"


def test_the_same_registry_gives_the_same_bytes(home: Path, pictures: Mapping[str, str]) -> None:
    made = [written(settings_in(home), None, pictures["both"])[1] for _ in range(2)]
    assert made[0] == made[1]


@pytest.mark.parametrize("kind", ["changed", "removed"])
def test_no_file_can_be_changed_or_removed(both: Files, kind: str) -> None:
    for name in both:
        files, middle = dict(both), len(both[name]) // 2
        files[name] = files[name][:middle] + bytes([files[name][middle] ^ 1]) + files[name][middle + 1 :]
        if kind == "removed":
            del files[name]
        link = first_broken(files)
        assert link is not None
        assert link.name == ("signer" if name == bundle.CHAIN else "files"), link


def test_what_another_authority_signed_is_not_trusted(
    home: Path, both: Files, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = Forger(open_identity(settings_in(tmp_path_factory.mktemp("other"))))
    authorities = chain.read((home / "signing" / authority.CA).read_bytes())
    forged = repack(other, {**both, bundle.ATTESTATION: resigned(other, both, lambda _: None)})
    assert first_broken(forged) is None
    link = first_broken(forged, authorities)
    assert link is not None
    assert link.name == "signer"


def repack(forger: Forger, files: Files) -> Files:
    shown = {name: data for name, data in files.items() if name not in (bundle.CHAIN, bundle.README, bundle.FILES)}
    picture = json.loads(files[bundle.RECORD])["id"]
    return unzipped(bundle.pack(shown, {"picture": picture}, forger.identity))


def resigned(forger: Forger, files: Files, change: Callable[[Any], Any]) -> bytes:
    document = statement_in(files)
    change(document)
    return envelope.sign(json.dumps(document).encode(), [forger.identity.key])


def attest(forger: Forger, files: Files, change: Callable[[Any], Any]) -> Files:
    return repack(forger, {**files, bundle.ATTESTATION: resigned(forger, files, change)})


def repicture(forger: Forger, files: Files, png: bytes, document: Any, **attested: Any) -> Files:
    """Another file for the picture, and all that is said of it beside what is looked at."""
    changed = drawn.replaced(files, png, document)

    def change(said: Any) -> None:
        said["subject"] = [statement.subject(f"{document['id']}.png", document["digest"])]
        said["predicate"].update(attested)

    return attest(forger, changed, change)


def test_another_picture(both: Files, of: Callable[[str], Files], forger: Forger) -> None:
    other = of("nothing")
    mixed = {**both, bundle.PICTURE: other[bundle.PICTURE], bundle.RECORD: other[bundle.RECORD]}
    breaks(repack(forger, mixed), "attestation", "and the bundle is of")
    document = json.loads(both[bundle.RECORD])
    png, _ = drawn.drawn(document["record"], document["mask"], "another", forger.identity, colour=9)
    breaks(repack(forger, drawn.replaced(both, png, document)), "attestation", "another file")


def test_other_pixels(both: Files, forger: Forger) -> None:
    document = json.loads(both[bundle.RECORD])
    png, sha256 = drawn.drawn(document["record"], document["mask"], "another", forger.identity, colour=9)
    breaks(repicture(forger, both, png, document), "picture", sha256)


def test_a_record_that_is_not_the_one_in_its_file(both: Files, forger: Forger) -> None:
    document = json.loads(both[bundle.RECORD])
    document["record"]["seed"] += 1
    breaks(repack(forger, {**both, bundle.RECORD: canonical_json(document)}), "picture", "not the one in the PNG")


def test_a_manifest_that_was_taken_out_or_says_something_else(both: Files, forger: Forger) -> None:
    document = json.loads(both[bundle.RECORD])
    job, mask = statement_in(both)["predicate"]["job"], document["mask"]
    without, _ = drawn.drawn(document["record"], mask, job, None)
    breaks(repicture(forger, both, without, document), "manifest", "not valid", "no manifest")
    of_another, _ = drawn.drawn(document["record"], mask, "another-job", forger.identity)
    breaks(repicture(forger, both, of_another, document), "manifest", "another-job")
    unmasked, _ = drawn.drawn(document["record"], {"digest": digest_of([]), "concepts": []}, job, forger.identity)
    breaks(repicture(forger, both, unmasked, document), "manifest", "another mask")


def test_a_manifest_of_another_base(both: Files, forger: Forger) -> None:
    document = json.loads(both[bundle.RECORD])
    job, record = statement_in(both)["predicate"]["job"], document["record"]
    png, _ = drawn.drawn({**record, "base_digest": OTHER_DIGEST}, document["mask"], job, forger.identity)
    document["record"] = {**record, "base_digest": OTHER_DIGEST}
    breaks(repicture(forger, both, png, document), "increments", f"by the base {OTHER_DIGEST}")


def test_a_manifest_by_somebody_who_is_not_trusted(
    home: Path, both: Files, forger: Forger, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = open_identity(settings_in(tmp_path_factory.mktemp("other")))
    document = json.loads(both[bundle.RECORD])
    png, _ = drawn.drawn(document["record"], document["mask"], statement_in(both)["predicate"]["job"], other)
    authorities = chain.read((home / "signing" / authority.CA).read_bytes())
    files = repicture(forger, both, png, document)
    link = first_broken(files, authorities)
    assert link is not None
    assert (link.name, "vouches for its signer" in link.detail) == ("manifest", True)


def test_a_mask_of_other_increments_than_it_was_drawn_under(both: Files, forger: Forger) -> None:
    document = json.loads(both[bundle.RECORD])
    record = {**document["record"], "increments": document["record"]["increments"][:1]}
    document["record"] = record
    png, _ = drawn.drawn(record, document["mask"], statement_in(both)["predicate"]["job"], forger.identity)
    breaks(repicture(forger, both, png, document), "mask", "it was drawn under")


def said(**members: Any) -> Callable[[Any], None]:
    def change(document: Any) -> None:
        document["predicate"].update(members)

    return change


def of_increment(**members: Any) -> Callable[[Any], None]:
    def change(document: Any) -> None:
        document["predicate"]["increments"][0].update(members)

    return change


ENTRY = {"sequence": 1, "hash": OTHER_DIGEST, "at": "2026-01-01T00:00:00.000000Z", "action": "erase"}


@pytest.mark.parametrize(
    ("change", "link"),
    [
        (said(picture="another"), "attestation"),
        (said(sha256=64 * "0"), "picture"),
        (said(job="another"), "manifest"),
        (said(mask={"digest": OTHER_DIGEST, "concepts": []}), "mask"),
        (said(base_digest=OTHER_DIGEST), "increments"),
        (said(increments=[]), "increments"),
        (of_increment(digest=OTHER_DIGEST), "increments"),
        (of_increment(version=7), "increments"),
        (of_increment(base_digest=OTHER_DIGEST), "increments"),
        (of_increment(certificate=None), "certificates"),
        (of_increment(certificate={"correlation": 0}), "certificates"),
        (said(audit={"sequence": 99, "hash": OTHER_DIGEST}), "audit"),
        (of_increment(made=ENTRY), "versions"),
        (of_increment(purged=ENTRY), "versions"),
        (of_increment(grounds=[]), "cases"),
        (of_increment(grounds=[{"sequence": 1, "case": "2026-0999"}]), "cases"),
        (said(asked_at="2020-01-01T00:00:00.000000Z", increments=None), "increments"),
    ],
)
def test_a_statement_that_nothing_bears_out(both: Files, forger: Forger, change: Any, link: str) -> None:
    breaks(attest(forger, both, change), link)


def test_another_certificate(both: Files, forger: Forger) -> None:
    name = bundle.certificate_name("cat")
    better = canonical_json({**json.loads(both[name]), "correlation": 0.0})
    breaks(repack(forger, {**both, name: better}), "certificates", name, "correlation")
    breaks(repack(forger, {**both, bundle.certificate_name("bird"): b"{}"}), "certificates", "nothing of the kind")


def test_an_audit_in_which_the_increment_came_to_be_otherwise(both: Files, forger: Forger) -> None:
    """Every hash is made anew, as whoever holds the key and the database could."""
    entries = json.loads(both[bundle.AUDIT])["entries"]
    next(entry for entry in entries if entry.get("concept") == "cat")["to_digest"] = OTHER_DIGEST
    for before, entry in zip([None, *entries], entries, strict=False):
        entry["previous_hash"] = before["hash"] if before else entry["previous_hash"]
        if "action" in entry:
            entry["hash"] = digest_of({name: value for name, value in entry.items() if name != "hash"})
    head = {"sequence": entries[-1]["sequence"], "hash": entries[-1]["hash"]}
    files = {**both, bundle.AUDIT: canonical_json({"entries": entries})}
    breaks(attest(forger, files, said(audit=head)), "versions", "no entry says")


@pytest.mark.parametrize("name", [bundle.AUDIT, bundle.RECORD, bundle.certificate_name("cat")])
@pytest.mark.parametrize("content", [b"[]", b"{}", b"null", b"7", b"no JSON"])
def test_files_of_any_other_shape_do_not_hold(both: Files, forger: Forger, name: str, content: bytes) -> None:
    shown = {each: data for each, data in both.items() if each not in (bundle.CHAIN, bundle.README, bundle.FILES)}
    picture = json.loads(both[bundle.RECORD])["id"]
    files = unzipped(bundle.pack({**shown, name: content}, {"picture": picture}, forger.identity))
    assert first_broken(files) is not None


def test_a_picture_that_somebody_has_is_found_by_its_file_or_its_pixels(
    home: Path, pictures: Mapping[str, str], both: Files, tmp_path: Path
) -> None:
    file = tmp_path / "mine.png"
    file.write_bytes(both[bundle.PICTURE])
    assert written(settings_in(home), None, str(file))[0] == pictures["both"]
    file.write_bytes(drawn.without_metadata(both[bundle.PICTURE]))
    found, data = written(settings_in(home), None, str(file))
    assert first_broken(unzipped(data)) is None
    assert found in pictures.values()  # the first that was asked for with these pixels


def test_the_route_answers_what_the_command_writes_to_whom_it_concerns(
    client: httpx.Client, engine: Engine, blobs: Any, settings: Settings, model: None
) -> None:
    del model
    working.erase(engine, blobs, client.post("/concepts/cat/erase").json()["id"], evidence=True)
    picture = drawn.picture(engine, blobs, drawn.asked(engine, ["cat"]), open_identity(settings))
    answer = client.get(f"/images/{picture}/bundle").raise_for_status()
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == f'attachment; filename="{picture}.zip"'
    assert answer.content == written(settings, None, picture)[1]
    evidence = client.get("/concepts/cat").json()["certificate"]["pictures"][0]["id"]
    assert problem_of(client.get(f"/images/{evidence}/bundle")) == (409, "picture-is-evidence")
    assert problem_of(client.get("/images/nothing/bundle")) == (404, "image-not-found")

    def key(name: str, *scopes: str) -> dict[str, str]:
        text = client.post("/keys", json={"name": name, "scopes": list(scopes)}).json()["key"]
        return {"Authorization": f"Bearer {text}"}

    client.headers.update(key("ops", "admin"))
    drawer, auditor = key("drawer", "generate"), key("auditor", "evidence:read")
    everything = key("everything", "evidence:read", "jobs:read")
    assert problem_of(client.get(f"/images/{picture}/bundle", headers=drawer)) == (403, "scope-missing")
    assert problem_of(client.get(f"/images/{picture}/bundle", headers=auditor)) == (404, "image-not-found")
    assert client.get(f"/images/{picture}/bundle", headers=everything).status_code == 200
    blobs.delete(digest_of_bytes(unzipped(answer.content)[bundle.PICTURE]))
    assert problem_of(client.get(f"/images/{picture}/bundle")) == (410, "image-gone")


def test_evidence_in_a_bundle_of_its_concept_that_was_made_without_manifests_says_so(
    home: Path, pictures: Mapping[str, str], tmp_path: Path
) -> None:
    del pictures  # they need only be there
    settings = settings_in(tmp_path)
    shutil.copy(home / "registry.sqlite3", tmp_path / "registry.sqlite3")
    shutil.copytree(home / "blobs", tmp_path / "blobs")
    shutil.copytree(home / "signing", tmp_path / "signing")
    files = unzipped(written(settings, "cat")[1])
    assert {link.name: link.detail for link in walk(files)}["manifests"].startswith("0 of 2 pictures carry one")
