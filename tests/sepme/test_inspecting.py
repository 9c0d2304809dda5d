import json
import re
from pathlib import Path

import pytest

from sepme.command import main
from sepme_core.provenance.manifest import sign
from tests.sepme_core.provenance.pictures import authority_of, identity_in, plain, signed, statement


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A signed picture, beside the authority's certificate."""
    identity = identity_in(tmp_path / "home")
    (tmp_path / "picture.png").write_bytes(signed(identity))
    (tmp_path / "ca.pem").write_text(authority_of(identity))
    return tmp_path / "picture.png"


def test_a_valid_picture_is_0_and_says_who_signed_what(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(picture)]) == 0
    said = re.sub(" +", " ", capsys.readouterr().out)
    identity = identity_in(picture.parent / "home")
    for part in (
        f"{picture}: valid\n",
        f"signed by {identity.subject}, for which CN=sepme's own authority,O=sepme vouches\n",
        f"keyid {identity.keyid}\n",
        "signer not known",
        f"base sha256:{64 * 'a'}\n",
        f"mask sha256:{64 * 'b'}, 2 concepts\n",
        f" van-gogh-1 version 3 sha256:{63 * '0'}1\n",
        "seed 7\n",
        "job job-of-this-picture-22\n",
    ):
        assert part in said, part


def test_an_authority_that_vouches_for_the_signer_makes_it_known(
    picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", str(picture), "--trust", str(picture.parent / "ca.pem"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["state"], document["signer"]["known"], document["statement"]["seed"]) == ("valid", True, 7)
    stranger = picture.parent / "stranger.pem"
    stranger.write_text(authority_of(identity_in(picture.parent / "elsewhere")))
    assert main(["inspect", str(picture), "--trust", str(stranger)]) == 1
    said = capsys.readouterr().out
    assert "none of the authorities given vouches for its signer" in said
    assert "seed" not in said


def test_what_was_changed_or_never_signed_is_1(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed = bytearray(picture.read_bytes())
    changed[-30] ^= 1
    picture.write_bytes(changed)
    assert main(["inspect", str(picture)]) == 1
    assert ": invalid, the chunk at byte " in capsys.readouterr().out
    png, _ = plain()
    picture.write_bytes(png)
    assert main(["inspect", str(picture), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["state"] == "unsigned"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["missing.png"], "missing.png cannot be read: No such file"),
        (["ca.pem"], "ca.pem: it is no PNG"),
        (["picture.png", "--trust", "missing.pem"], "missing.pem cannot be read: No such file"),
        (["picture.png", "--trust", "picture.png"], "--trust: picture.png holds no certificates in PEM"),
    ],
)
def test_what_cannot_be_read_is_2(
    picture: Path,
    arguments: list[str],
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(picture.parent)
    assert main(["inspect", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert f"sepme: {reason}" in said.err


def test_what_a_stranger_signed_does_not_move_the_cursor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    png, sha256 = plain()
    stated = {**statement(sha256), "scheduler": "\x1b[2Jddim"}
    file = tmp_path / "picture.png"
    file.write_bytes(sign(png, stated, identity_in(tmp_path)))  # type: ignore[arg-type]
    assert main(["inspect", str(file)]) == 0
    assert "\x1b" not in capsys.readouterr().out
