"""Bundles of what a worker has made, walked, and drawn again."""

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from sepme.command import main as sepme
from sepme_core.canonical import canonical_json, digest_of_bytes
from sepme_core.documents.pictures import RECORD_ENTRY
from sepme_core.provenance import bundle, envelope
from sepme_core.provenance.identity import open_identity
from sepme_core.settings import Settings
from tests.app.bundles import Forger, made, statement_in, unzipped
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
    assert said.index("11 links, all hold.") < said.index("2 checks, all hold.")


def repainted(files: Mapping[str, bytes], identity: Any) -> bytes:
    """A picture is painted over, and all that is told of it is changed with it, and signed."""
    statement = statement_in(files)
    listed = next(each for each in statement["predicate"]["certificate"]["pictures"] if each["erased"])
    document = json.loads(files[bundle.record_name(listed["id"])])
    image, out, text = Image.new("RGB", (64, 64), (10, 200, 10)), io.BytesIO(), PngInfo()
    text.add_text(RECORD_ENTRY, json.dumps(document["record"], sort_keys=True))
    image.save(out, "PNG", pnginfo=text)
    listed["sha256"] = document["sha256"] = digest_of_bytes(image.tobytes()).removeprefix("sha256:")
    document["digest"] = digest_of_bytes(out.getvalue())
    changed = {
        bundle.picture_name(listed["id"]): out.getvalue(),
        bundle.record_name(listed["id"]): canonical_json(document),
        bundle.CERTIFICATE: canonical_json(statement["predicate"]["certificate"]),
        bundle.ATTESTATION: envelope.sign(canonical_json(statement), [identity.key]),
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
