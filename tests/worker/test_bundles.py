"""Bundles of what a worker has made, walked, and drawn again."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.attestations.__main__ import made as written
from sepme.command import main as sepme
from sepme_core.canonical import canonical_json, digest_of_bytes
from sepme_core.erasure import ErasureCache
from sepme_core.models.model import DiffusionModel
from sepme_core.provenance import bundle, envelope
from sepme_core.provenance.identity import open_identity
from sepme_core.registry.database import reading
from sepme_core.settings import Settings
from tests.app import drawn
from tests.app.bundles import Forger, made, statement_in, unzipped
from tests.worker.processes import work_off, working_in
from worker.verify.__main__ import main


@pytest.fixture
def home(environment_without_settings: None, healthy: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state folder of a service that erased the cat."""
    del environment_without_settings
    monkeypatch.setenv("SEPME_HOME", str(healthy))
    monkeypatch.setenv("SEPME_DEVICE", "cpu")
    return healthy


@pytest.fixture
def cat(home: Path, tmp_path: Path) -> Path:
    """Its bundle."""
    file = tmp_path / "cat.zip"
    file.write_bytes(made(Settings(home=home), "cat"))
    return file


def test_a_bundle_of_pictures_that_a_model_drew_holds_and_they_are_drawn_again(
    cat: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sepme(["verify", "--bundle", str(cat)]) == 0
    assert "ok      pictures: 6, each" in capsys.readouterr().out
    assert main(["--bundle", str(cat)]) == 0
    said = capsys.readouterr().out
    assert "ok      cat: pictures without it: 3 of 3 drawn again are equal" in said
    assert "ok      cat: pictures with the increment: 3 of 3 drawn again are equal" in said


@pytest.mark.slow
def test_the_command_walks_first_and_then_draws_again(cat: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert sepme(["verify", "--bundle", str(cat), "--redraw"]) == 0
    said = capfd.readouterr().out
    assert said.index("12 links, all hold.") < said.index("2 checks, all hold.")


@pytest.fixture
def picture(home: Path, base: DiffusionModel, cache: ErasureCache, tmp_path: Path) -> Path:
    """The bundle of a picture in which the cat was erased."""
    with working_in(home, base, cache) as worker:
        job_id = drawn.asked(worker.engine, ["cat"])
        work_off(replace(worker, queue="generate"))
        with reading(worker.engine) as session:
            picture_id = drawn.listed(session, job_id)
    file = tmp_path / "picture.zip"
    file.write_bytes(written(Settings(home=home), None, picture_id)[1])
    return file


def test_a_picture_that_a_model_drew_leads_to_its_increment_and_is_drawn_again(
    picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = bundle.unzipped(picture)
    mine = tmp_path / "mine.png"
    mine.write_bytes(files[bundle.PICTURE])
    assert sepme(["verify", "--bundle", str(picture), "--picture", str(mine)]) == 0
    said = capsys.readouterr().out
    assert "ok      manifest: valid, signed by" in said
    assert "ok      picture at hand: it is the very file" in said
    assert main(["--bundle", str(picture)]) == 0
    assert ": picture: 1 of 1 drawn again are equal" in capsys.readouterr().out
    mine.write_bytes(drawn.without_metadata(files[bundle.PICTURE]))
    assert sepme(["verify", "--bundle", str(picture), "--picture", str(mine)]) == 0
    assert "the same pixels in another file" in capsys.readouterr().out


def test_another_picture_than_the_bundles_or_none_at_all(
    picture: Path, cat: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine.png"
    mine.write_bytes(drawn.drawn({}, {}, "a-job", None)[0])
    assert sepme(["verify", "--bundle", str(picture), "--picture", str(mine)]) == 1
    said = capsys.readouterr().out
    assert "FAILED  picture at hand: its pixels have the sha256" in said
    assert "The first link that does not hold is: picture at hand." in said
    assert sepme(["verify", "--bundle", str(cat), "--picture", str(mine)]) == 1
    assert "this bundle is of a concept" in capsys.readouterr().out
    assert sepme(["verify", "--bundle", str(picture), "--picture", str(tmp_path / "none.png")]) == 2
    assert "none.png cannot be read" in capsys.readouterr().err
    assert sepme(["verify", "--picture", str(mine)]) == 2
    assert "name the bundle" in capsys.readouterr().err


def repainted(files: Mapping[str, bytes], identity: Any) -> bytes:
    """A picture is painted over, and all that is told of it is changed with it, and signed."""
    said = statement_in(files)
    listed = next(each for each in said["predicate"]["certificate"]["pictures"] if each["erased"])
    document = json.loads(files[bundle.record_name(listed["id"])])
    png, sha256 = drawn.drawn(document["record"], document["mask"], "a-job", identity)
    listed["sha256"] = document["sha256"] = sha256
    document["digest"] = digest_of_bytes(png)
    changed = {
        bundle.picture_name(listed["id"]): png,
        bundle.record_name(listed["id"]): canonical_json(document),
        bundle.CERTIFICATE: canonical_json(said["predicate"]["certificate"]),
        bundle.ATTESTATION: envelope.sign(canonical_json(said), [identity.key]),
    }
    return bundle.zipped(Forger(identity).pack({**files, **changed}))


def test_pictures_that_the_model_does_not_draw_so_are_found_by_drawing_again_alone(
    home: Path, cat: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cat.write_bytes(repainted(unzipped(cat.read_bytes()), open_identity(Settings(home=home))))
    assert sepme(["verify", "--bundle", str(cat)]) == 0
    assert main(["--bundle", str(cat)]) == 1
    assert "FAILED  cat: pictures with the increment: 2 of 3 drawn again are equal" in capsys.readouterr().out


def test_what_cannot_be_drawn_again_is_2_with_the_reason(
    home: Path, cat: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = unzipped(cat.read_bytes())
    monkeypatch.setenv("SEPME_HOME", str(tmp_path / "elsewhere"))
    assert main(["--bundle", str(cat)]) == 2
    assert "SEPME_BLOB_URL" in capsys.readouterr().err
    cat.write_bytes(bundle.zipped({**files, bundle.AUDIT: b"{}"}))
    assert main(["--bundle", str(cat)]) == 2
    assert "audit.json was changed" in capsys.readouterr().err
    assert main(["--bundle", str(home / "registry.sqlite3")]) == 2
    assert sepme(["verify", "--redraw"]) == 2
    assert "are for --bundle" in capsys.readouterr().err
