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

from sepme_core.base import Base
from sepme_core.erasure import Shared
from sepme_core.increment import Increment
from sepme_core.registry import concepts, increments, jobs, serving
from sepme_core.registry.blobs import Blobs, open_blobs
from sepme_core.registry.database import make_engine, reading, writing
from sepme_core.registry.tables import Concept, Image
from sepme_core.registry.tables import Increment as Version
from sepme_core.settings import Settings
from tests.worker.masks import random_increment
from worker import work
from worker.drain import Drain
from worker.increments import IncrementCache
from worker.resident import Resident
from worker.verify.__main__ import main, read_registry
from worker.verify.checks import Check, Verifier, check

QUICK = {"max_steps": 0, "batch_size": 2}
ANOTHER_BASE = "sha256:" + "0" * 64


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, base: Base, shared: Shared) -> Path:
    """The state folder of a service that erased an object and a style and gave the style back."""
    home = tmp_path_factory.mktemp("healthy") / "home"
    home.mkdir()
    shutil.copy(sqlite_template, home / "registry.sqlite3")
    settings = settings_of(home)
    blobs, engine = open_blobs(settings.blob_url), make_engine(settings.database_url)
    cache = IncrementCache(blobs, base)
    resident = Resident("worker@tests", "erase", settings, engine, blobs, base, cache, shared, Drain(60))
    with writing(engine) as session:
        serving.announce_model(session, base.describe())
    for name, kind in (("cat", "object"), ("sepia", "style")):
        with writing(engine) as session:
            concepts.accept_erasure(session, {"name": name, "kind": kind, "options": QUICK}, "tests")
        work_off(resident)
    with writing(engine) as session:
        concepts.restore(session, "sepia", "tests", None)
    engine.dispose()
    return home


def settings_of(home: Path) -> Settings:
    return Settings.model_validate({"home": home, "device": "cpu"})


def work_off(resident: Resident) -> None:
    """Do what is queued, and what comes of that: the object is re-projected once the style is known."""
    while True:
        with reading(resident.engine) as session:
            queued = jobs.list_page(session, None, 50, state="queued").items
        if not queued:
            return
        for job in queued:
            work.answer(resident, job.id)


@pytest.fixture
def home(environment_without_settings: None, healthy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the healthy state folder, which the settings name."""
    del environment_without_settings
    monkeypatch.setenv("SEPME_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SEPME_DEVICE", "cpu")
    return Path(shutil.copytree(healthy, tmp_path / "home"))


def found(home: Path, shared: Shared, name: str) -> Mapping[str, Check]:
    """What the checks find of one concept, by the checks' names."""
    settings = settings_of(home)
    stored = read_registry(settings)
    checks = list(check(Verifier(shared, open_blobs(settings.blob_url), stored), stored[name]))
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


def test_a_file_that_is_not_there_fails_even_where_it_does_not_serve(home: Path, shared: Shared) -> None:
    first = read_registry(settings_of(home))["cat"].versions[0].digest
    tamper(home, lambda _session, blobs: blobs.delete(first))
    assert failing(found(home, shared, "cat")) == {"file of version 1"}


def test_an_increment_that_does_not_erase_fails(home: Path, shared: Shared) -> None:
    def scaled_to_nothing(increment: Increment) -> Increment:
        return replace(increment, weights={path: 1e-3 * w for path, w in increment.weights.items()})

    put_in_place(home, "cat", scaled_to_nothing)
    checks = found(home, shared, "cat")
    assert failing(checks) == {"erased", "pictures with the increment"}
    assert checks["erased"].numbers["relative_loss"] > 0.9


def test_an_increment_that_acts_on_what_was_restored_fails_on_both(home: Path, shared: Shared) -> None:
    def turned_elsewhere(increment: Increment) -> Increment:
        noise = torch.randn(increment.directions.shape, generator=torch.Generator().manual_seed(0))
        return replace(increment, directions=torch.linalg.qr(noise).Q.contiguous())

    put_in_place(home, "cat", turned_elsewhere)
    assert failing(found(home, shared, "cat")) >= {"leak", "pictures with the increment"}
    assert failing(found(home, shared, "sepia")) == {"leak of cat", "pictures under all that is erased"}


def test_an_increment_that_does_not_know_what_was_restored_fails(home: Path, shared: Shared) -> None:
    tamper(home, lambda session, _blobs: setattr(concepts.get(session, "cat"), "version", 1))
    checks = found(home, shared, "sepia")
    assert "leak of cat" in failing(checks)
    assert "re-projection" in str(checks["leak of cat"].remedy)


@pytest.mark.parametrize("exchanged", ["for another base", "of another concept", "without its origin"])
def test_an_increment_that_is_not_the_concepts_own_for_this_base_fails(
    home: Path, shared: Shared, exchanged: str
) -> None:
    others = {
        "for another base": lambda own: replace(own, metadata={**own.metadata, "base_digest": ANOTHER_BASE}),
        "of another concept": lambda own: replace(own, metadata={**own.metadata, "concept": "fish"}),
        "without its origin": lambda _own: random_increment(shared.base, "cat"),
    }
    put_in_place(home, "cat", others[exchanged])
    checks = found(home, shared, "cat")
    assert failing(checks) == {"increment"}
    assert ("POST /erasures" in str(checks["increment"].remedy)) == (exchanged == "for another base")


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
def test_other_pixels_are_enough_only_from_other_libraries(home: Path, shared: Shared, libraries: bool) -> None:
    change_evidence(home, "sepia", libraries=libraries)
    evidence = found(home, shared, "sepia")["pictures without it"]
    assert evidence.holds == libraries
    assert evidence.numbers["equal"] == 0
    assert evidence.numbers["worst_similarity"] == pytest.approx(1)


def test_evidence_is_drawn_by_as_many_threads_as_it_was_first(home: Path, shared: Shared) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(1 if before > 1 else 2)
    try:
        evidence = found(home, shared, "sepia")["pictures without it"]
    finally:
        torch.set_num_threads(before)
    assert evidence.numbers["equal"] == evidence.numbers["of"] == 3


def test_evidence_that_is_not_recorded_any_more_fails(home: Path, shared: Shared) -> None:
    def forget(session: Session, _blobs: Blobs) -> None:
        session.delete(session.get_one(Image, evidence_of(session, "sepia")[0]))

    tamper(home, forget)
    assert failing(found(home, shared, "sepia")) == {"pictures without it"}


@pytest.mark.parametrize("kind", ["person", "explicit"])
def test_no_picture_is_drawn_of_a_person_or_of_what_is_explicit(home: Path, shared: Shared, kind: str) -> None:
    def declare(session: Session, blobs: Blobs) -> None:
        session.execute(update(Concept).where(Concept.name == "sepia").values(kind=kind))
        for image in evidence_of(session, "sepia"):  # would fail the check if it were looked at
            blobs.delete(session.get_one(Image, image).digest)

    tamper(home, declare)
    change_evidence(home, "sepia", libraries=False)
    checks = found(home, shared, "sepia")
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
