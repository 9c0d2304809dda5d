"""A registry as two workers leave it, and what is found where it was tampered with."""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from sepme_core.documents.certificates import Certificate
from sepme_core.erasure import ErasureCache
from sepme_core.increments.increment import Increment
from sepme_core.models.model import DiffusionModel
from sepme_core.registry import concepts, increments
from sepme_core.registry.blobs import Blobs, open_blobs
from sepme_core.registry.database import make_engine, writing
from sepme_core.registry.tables import AuditEntry, Concept, Image
from sepme_core.registry.tables import Increment as Version
from sepme_core.settings import Settings
from tests.worker.masks import publish
from tests.worker.processes import work_off, working_in
from worker.verify.__main__ import check_registry, main, read_registry
from worker.verify.checks import Check, Verifier, check, check_evidence
from worker.verify.stored import repair

UNDER_ALL = "forgotten under all that is erased"
ANOTHER_BASE = "sha256:" + "0" * 64


def settings_of(home: Path) -> Settings:
    return Settings.model_validate({"home": home, "device": "cpu"})


@pytest.fixture
def home(environment_without_settings: None, healthy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the healthy state folder, which the settings name."""
    del environment_without_settings
    monkeypatch.setenv("SEPME_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SEPME_DEVICE", "cpu")
    return Path(shutil.copytree(healthy, tmp_path / "home"))


def found(home: Path, cache: ErasureCache, name: str) -> Mapping[str, Check]:
    """What the checks find of one concept, by the checks' names."""
    settings = settings_of(home)
    stored = read_registry(settings)
    checks = list(check(Verifier(cache, open_blobs(settings.blob_url), stored), stored[name]))
    for each in checks:
        print("ok" if each.holds else "FAILED", each.concept, each.name, each.detail)
    return {each.name: each for each in checks}


def failing(checks: Mapping[str, Check]) -> set[str]:
    assert all(each.remedy for each in checks.values() if not each.holds)
    return {name for name, each in checks.items() if not each.holds}


def tamper(home: Path, change: Callable[[Session, Blobs], None]) -> None:
    """Change rows and blobs behind everybody's back."""
    settings = settings_of(home)
    engine = make_engine(settings.database_url)
    with writing(engine) as session:
        change(session, open_blobs(settings.blob_url))
    engine.dispose()


def put_in_place(home: Path, name: str, change: Callable[[Increment], Increment]) -> None:
    """Put another file in the place of a concept's current increment, under its true digest."""

    def exchange(session: Session, blobs: Blobs) -> None:
        current = increments.current(session, concepts.get(session, name))
        assert current is not None
        changed = change(Increment.from_bytes(blobs.get(current.digest)))
        current.digest = blobs.put(changed.to_bytes())

    tamper(home, exchange)


def current_blob(home: Path, name: str) -> Path:
    (digest,) = [each.current.digest for each in read_registry(settings_of(home)).values() if each.name == name]
    return home / "blobs" / digest[7:9] / digest[9:]


def test_a_healthy_registry_holds(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (home / "registry.sqlite3").read_bytes()
    assert main([]) == 0
    said = capsys.readouterr().out.splitlines()
    print("\n".join(said))
    assert all(line.startswith("ok ") for line in said[:-1])
    assert said[-1] == f"{len(said) - 1} checks, all hold."
    assert [line for line in said if "cat: file of version 2:" in line]
    assert [line for line in said if "cat: pictures with the increment: 3 of 3" in line]
    assert [line for line in said if "sepia: pictures without it: 3 of 3" in line]
    assert (home / "registry.sqlite3").read_bytes() == before


def test_what_is_damaged_is_asked_for_again_and_stays_restored(
    home: Path, base: DiffusionModel, cache: ErasureCache, capsys: pytest.CaptureFixture[str]
) -> None:
    blob = current_blob(home, "sepia")
    whole = blob.read_bytes()
    blob.write_bytes(whole[:-1])
    assert main(["--concept", "sepia", "--repair"]) == 1
    assert "sepia: job " in capsys.readouterr().out
    with working_in(home, base, cache) as worker:
        work_off(worker)
    assert blob.read_bytes() == whole
    assert read_registry(settings_of(home))["sepia"].concept.state == "restored"
    assert repair(settings_of(home), list(read_registry(settings_of(home)).values())) == []


def test_an_audit_that_was_changed_behind_everybodys_back_fails(home: Path) -> None:
    settings = settings_of(home)
    (whole,) = check_registry(settings)
    assert whole.holds
    changed = update(AuditEntry).where(AuditEntry.sequence == 1).values(actor="somebody")

    def change(session: Session, _blobs: Blobs) -> None:
        session.execute(changed)

    tamper(home, change)
    (broken,) = check_registry(settings)
    assert not broken.holds
    assert "entry 1" in broken.detail


def test_machines_get_one_document(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blob = current_blob(home, "sepia")
    blob.write_bytes(blob.read_bytes()[:-1])
    assert main(["--concept", "sepia", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["holds"] is False
    assert {each["concept"] for each in document["checks"]} == {"sepia"}
    failed = [each for each in document["checks"] if not each["holds"]]
    assert [each["name"] for each in failed] == ["file of version 1", "increment"]
    assert all("options.seed" in each["remedy"] for each in failed)


def test_a_flipped_bit_in_a_file_fails(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blob = current_blob(home, "cat")
    damaged = bytearray(blob.read_bytes())
    damaged[-1] ^= 1
    blob.write_bytes(damaged)
    assert main(["--concept", "cat"]) == 1
    said = capsys.readouterr().out
    assert f"FAILED  cat: file of version 2: blob sha256:{blob.parent.name}{blob.name} is damaged" in said
    assert "2 of 3 checks do not hold." in said


def test_a_file_that_is_not_there_fails_even_where_it_does_not_serve(home: Path, cache: ErasureCache) -> None:
    first = read_registry(settings_of(home))["cat"].versions[0].digest
    tamper(home, lambda _session, blobs: blobs.delete(first))
    assert failing(found(home, cache, "cat")) == {"file of version 1"}


def test_an_increment_that_does_not_erase_fails_whatever_its_certificate_says(
    home: Path, cache: ErasureCache, capsys: pytest.CaptureFixture[str]
) -> None:
    put_in_place(home, "cat", lambda own: with_weights(own, 0.0))
    checks = found(home, cache, "cat")
    assert failing(checks) == {"forgotten", "loss", UNDER_ALL, "pictures with the increment"}
    assert checks["forgotten"].numbers["seen"] == checks["forgotten"].numbers["pictures"] == 6
    assert checks["loss"].numbers["relative_loss"] == pytest.approx(1, abs=1e-3)
    assert main(["--concept", "cat"]) == 1
    assert "FAILED  cat: forgotten: seen in 6 of 6 pictures by model and judge" in capsys.readouterr().out


def test_increments_that_work_against_each_other_fail_where_all_that_is_erased_is_applied(
    home: Path, cache: ErasureCache
) -> None:
    def against(own: Increment) -> Increment:
        return replace(with_weights(own, -1.0), metadata={**own.metadata, "concept": "anchor", "prompts": ["anchor"]})

    current = Increment.from_bytes(current_blob(home, "cat").read_bytes())
    with working_in(home, cache.base, cache) as worker:
        publish(worker, against(current))
    checks = found(home, cache, "cat")
    assert failing(checks) == {UNDER_ALL}
    assert checks["forgotten"].numbers["seen"] == 0
    assert checks[UNDER_ALL].numbers["seen"] > checks[UNDER_ALL].numbers["limit"]


def with_weights(increment: Increment, times: float) -> Increment:
    """The increment under its own certificate, with other weights."""
    return replace(increment, weights={path: times * w for path, w in increment.weights.items()})


def test_what_was_published_with_an_override_says_so_where_it_is_seen(home: Path, cache: ErasureCache) -> None:
    def marked(own: Increment) -> Increment:
        certificate: Certificate = {**own.certificate, "overridden": ["not-forgotten"]}
        return replace(with_weights(own, 0.0), metadata={**own.metadata, "certificate": certificate})

    put_in_place(home, "cat", marked)
    check = found(home, cache, "cat")["forgotten"]
    assert not check.holds
    assert "override: true" in check.detail


def test_an_increment_that_acts_on_what_was_restored_fails_on_both(home: Path, cache: ErasureCache) -> None:
    def turned_elsewhere(increment: Increment) -> Increment:
        noise = torch.randn(increment.directions.shape, generator=torch.Generator().manual_seed(0))
        return replace(increment, directions=torch.linalg.qr(noise).Q.contiguous())

    put_in_place(home, "cat", turned_elsewhere)
    assert failing(found(home, cache, "cat")) >= {"leak", "pictures with the increment"}
    assert failing(found(home, cache, "sepia")) == {"leak of cat", "pictures under all that is erased"}


def test_an_increment_that_does_not_know_what_was_restored_fails(home: Path, cache: ErasureCache) -> None:
    tamper(home, lambda session, _blobs: setattr(concepts.get(session, "cat"), "version", 1))
    checks = found(home, cache, "sepia")
    assert "leak of cat" in failing(checks)
    assert "re-projection" in str(checks["leak of cat"].remedy)


@pytest.mark.parametrize("exchanged", ["for another base", "of another concept", "without its origin"])
def test_an_increment_that_is_not_the_concepts_own_for_this_base_fails(
    home: Path, cache: ErasureCache, exchanged: str
) -> None:
    others = {
        "for another base": lambda own: replace(own, metadata={**own.metadata, "base_digest": ANOTHER_BASE}),
        "of another concept": lambda own: replace(own, metadata={**own.metadata, "concept": "fish"}),
        "without its origin": lambda own: replace(own, metadata=without(own.metadata, "kind")),
    }
    put_in_place(home, "cat", others[exchanged])
    checks = found(home, cache, "cat")
    assert failing(checks) == {"increment"}
    assert ("POST /erasures" in str(checks["increment"].remedy)) == (exchanged == "for another base")


def without(metadata: Mapping[str, object], key: str) -> dict[str, object]:
    return {name: value for name, value in metadata.items() if name != key}


def change_evidence(home: Path, name: str, *, libraries: bool) -> None:
    """Let stored pictures have had other pixels, and perhaps other libraries, than what is drawn now."""

    def change(session: Session, _blobs: Blobs) -> None:
        for image in session.scalars(select(Image).where(Image.id.in_(evidence_of(session, name)))):
            image.sha256 = "0" * 64
            if libraries:
                image.record = {**image.record, "libraries": {**image.record["libraries"], "torch": "0.1"}}

    tamper(home, change)


def evidence_of(session: Session, name: str) -> list[str]:
    current = increments.current(session, concepts.get(session, name))
    assert current is not None
    return [listed["id"] for listed in current.certificate["pictures"]]


@pytest.mark.parametrize("libraries", [False, True])
def test_other_pixels_are_enough_only_from_other_libraries(home: Path, cache: ErasureCache, libraries: bool) -> None:
    change_evidence(home, "sepia", libraries=libraries)
    evidence = found(home, cache, "sepia")["pictures without it"]
    assert evidence.holds == libraries
    assert evidence.numbers["equal"] == 0
    assert evidence.numbers["worst_similarity"] == pytest.approx(1)


def test_evidence_is_drawn_by_as_many_threads_as_it_was_first(home: Path, cache: ErasureCache) -> None:
    before = torch.get_num_threads()
    stored = read_registry(settings_of(home))
    verifier = Verifier(cache, open_blobs(settings_of(home).blob_url), stored)
    torch.set_num_threads(1 if before > 1 else 2)
    try:
        evidence = check_evidence(verifier, stored["sepia"])
    finally:
        torch.set_num_threads(before)
    assert evidence.numbers["equal"] == evidence.numbers["of"] == 3


def test_evidence_that_is_not_recorded_any_more_fails(home: Path, cache: ErasureCache) -> None:
    def forget(session: Session, _blobs: Blobs) -> None:
        session.delete(session.get_one(Image, evidence_of(session, "sepia")[0]))

    tamper(home, forget)
    assert failing(found(home, cache, "sepia")) == {"pictures without it"}


@pytest.mark.parametrize("kind", ["person", "explicit"])
def test_no_picture_is_drawn_of_a_person_or_of_what_is_explicit(home: Path, cache: ErasureCache, kind: str) -> None:
    def declare(session: Session, blobs: Blobs) -> None:
        session.execute(update(Concept).where(Concept.name == "sepia").values(kind=kind))
        for image in evidence_of(session, "sepia"):  # would fail the check if it were looked at
            blobs.delete(session.get_one(Image, image).digest)

    tamper(home, declare)
    change_evidence(home, "sepia", libraries=False)
    checks = found(home, cache, "sepia")
    for name in ("pictures without it", "pictures under all that is erased"):
        assert checks[name].holds
        assert kind in checks[name].detail


def test_an_unknown_concept_cannot_be_verified(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    del home
    assert main(["--concept", "dog"]) == 2
    refusal = capsys.readouterr().err
    assert "'dog'" in refusal
    assert "cat, sepia" in refusal


def test_without_a_registry_nothing_can_be_verified_and_none_is_made(
    environment_without_settings: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    del environment_without_settings
    monkeypatch.setenv("SEPME_HOME", str(tmp_path / "nowhere"))
    assert main([]) == 2
    assert str(tmp_path / "nowhere" / "registry.sqlite3") in capsys.readouterr().err
    assert not (tmp_path / "nowhere").exists()


def test_a_database_that_is_no_registry_cannot_be_verified(
    environment_without_settings: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    del environment_without_settings
    (tmp_path / "registry.sqlite3").touch()
    monkeypatch.setenv("SEPME_HOME", str(tmp_path))
    assert main([]) == 2
    assert "no such table" in capsys.readouterr().err


def test_a_model_that_cannot_be_loaded(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEPME_MODEL", str(home))
    assert main([]) == 2


def test_those_optimised_together_know_each_other_without_being_pinned() -> None:
    from worker.verify.checks import known_when_made

    members = [{"name": name, "kind": "object", "prompts": [name]} for name in ("cat", "fish")]
    pinned = {"known": [{"name": "key", "kind": "object", "prompts": ["key"]}], "protected": []}
    made = Version(concept="cat", reason="erased", request={"name": "cat", "group": members}, pinned=pinned)
    assert [each.name for each in known_when_made(made)] == ["key", "fish"]
    made.reason = "reprojected"  # by then they are pinned as all that is known is
    assert [each.name for each in known_when_made(made)] == ["key"]
