import datetime as dt
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from sepme_core.provenance import authority
from sepme_core.provenance.identity import Identity, IdentityUnusable, open_identity
from sepme_core.provenance.inspection import inspect
from sepme_core.settings import Settings
from tests.documents import blocks
from tests.sepme_core.provenance.pictures import signed


def own(home: Path) -> Identity:
    return open_identity(Settings(home=home))


def operators(folder: Path) -> Settings:
    """Settings of an operator who brings an identity of another's making."""
    identity = own(folder / "elsewhere")
    key, certificates = folder / "key.pem", folder / "certificates.pem"
    key.write_bytes(identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    certificates.write_bytes(b"".join(each.public_bytes(Encoding.PEM) for each in identity.chain))
    return Settings(home=folder / "home", signing_key=key, signing_certificates=certificates)


def test_an_identity_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    first, again = own(tmp_path), own(tmp_path)
    assert first.keyid == again.keyid
    assert first.chain == again.chain
    folder = tmp_path / "signing"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()} == {
        "ca.pem": 0o600,
        "ca-key.pem": 0o600,
        "leaf.pem": 0o600,
    }
    assert list(tmp_path.iterdir()) == [folder]


def test_processes_that_start_at_once_sign_as_the_same(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from sepme_core.provenance.identity import open_identity
from sepme_core.settings import Settings
settings = Settings(home=Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
print(open_identity(settings).keyid)
"""
    command = [sys.executable, "-c", program, str(tmp_path / "home")]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) for _ in range(4)
    ]
    assert [process.stdout.readline() for process in started if process.stdout] == ["ready\n"] * 4
    for process in started:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    named = {process.communicate(timeout=30)[0].strip() for process in started}
    assert named == {own(tmp_path / "home").keyid}
    assert sorted(file.name for file in (tmp_path / "home").rglob("*.pem*")) == ["ca-key.pem", "ca.pem", "leaf.pem"]


def test_a_leaf_that_was_moved_aside_is_made_anew_under_the_same_authority(tmp_path: Path) -> None:
    before = own(tmp_path)
    (tmp_path / "signing" / "leaf.pem").unlink()
    after = own(tmp_path)
    assert after.keyid != before.keyid
    assert after.chain[1] == before.chain[1]


def test_the_operators_own_key_and_certificates_sign(tmp_path: Path) -> None:
    settings = operators(tmp_path)
    assert open_identity(settings).keyid == own(tmp_path / "elsewhere").keyid
    assert not (tmp_path / "home").exists()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_an_identity_that_is_made_as_the_page_says_signs_what_its_authority_vouches_for(tmp_path: Path) -> None:
    (lines,) = [block for block in blocks("docs/provenance.md", "sh") if "openssl" in block]
    subprocess.run(["bash", "-e", "-c", lines], cwd=tmp_path, capture_output=True, check=True)
    key, certificates = tmp_path / "signing-key.pem", tmp_path / "signing-certificates.pem"
    png = signed(open_identity(Settings(home=tmp_path, signing_key=key, signing_certificates=certificates)))
    assert inspect(png, (tmp_path / "ca.pem").read_text()).state == "valid"


def _another_key(settings: Settings) -> None:
    other = Ed25519PrivateKey.generate()
    _path(settings).write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def _another_algorithm(settings: Settings) -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    _path(settings).write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def _encrypted(settings: Settings) -> None:
    other = Ed25519PrivateKey.generate()
    encryption = BestAvailableEncryption(b"secret")
    _path(settings).write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))


def _no_key(settings: Settings) -> None:
    _path(settings).write_text("-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----\n")


def _no_key_file(settings: Settings) -> None:
    _path(settings).unlink()


def _no_certificates(settings: Settings) -> None:
    _certificates(settings).write_text("certificates")


def _in_another_order(settings: Settings) -> None:
    leaf, _ = x509.load_pem_x509_certificates(_certificates(settings).read_bytes())
    other = own(settings.home.parent / "stranger").chain[1]
    _certificates(settings).write_bytes(b"".join(each.public_bytes(Encoding.PEM) for each in (leaf, other)))


def _an_authoritys(settings: Settings) -> None:
    folder = settings.home.parent / "elsewhere" / "signing"
    _path(settings).write_bytes((folder / "ca-key.pem").read_bytes())
    _certificates(settings).write_bytes((folder / "ca.pem").read_bytes())


def _path(settings: Settings) -> Path:
    assert settings.signing_key
    return settings.signing_key


def _certificates(settings: Settings) -> Path:
    assert settings.signing_certificates
    return settings.signing_certificates


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_another_key, r"SEPME_SIGNING_CERTIFICATES: the first certificate is not that of the key .*put the key's own"),
        (_another_algorithm, r"SEPME_SIGNING_KEY: .*key.pem is no Ed25519 key: make one with"),
        (_encrypted, r"SEPME_SIGNING_KEY: .*key.pem is encrypted, .*decrypt it"),
        (_no_key, r"SEPME_SIGNING_KEY: .*key.pem holds no private key in PEM: make one with"),
        (_no_key_file, r"SEPME_SIGNING_KEY: .*key.pem cannot be read: No such file"),
        (_no_certificates, r"SEPME_SIGNING_CERTIFICATES: .*certificates.pem holds no certificates in PEM: put"),
        (_in_another_order, r"SEPME_SIGNING_CERTIFICATES: CN=sepme \w+,O=sepme was not issued by .*: put each"),
        (_an_authoritys, r"SEPME_SIGNING_CERTIFICATES: the certificate .*C2PA asks of those who sign: have it issued"),
    ],
)
def test_what_nobody_would_believe_is_refused_with_its_setting_and_a_remedy(
    tmp_path: Path, spoil: Callable[[Settings], None], said: str
) -> None:
    settings = operators(tmp_path)
    spoil(settings)
    with pytest.raises(IdentityUnusable, match=said) as refusal:
        open_identity(settings)
    assert "secret" not in str(refusal.value)


def test_an_expired_certificate_is_refused_with_the_way_to_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authority, "CLOCKS_DIFFER", dt.timedelta(days=3))
    monkeypatch.setattr(authority, "LEAF_DAYS", -1)
    with pytest.raises(IdentityUnusable, match=r"leaf.pem: the certificate of .* expired on .*move .*leaf.pem aside"):
        own(tmp_path)


@pytest.mark.parametrize("lone", ["signing_key", "signing_certificates"])
def test_one_setting_without_the_other_is_refused(tmp_path: Path, lone: str) -> None:
    settings = Settings.model_validate({"home": tmp_path, lone: tmp_path / "file.pem"})
    with pytest.raises(IdentityUnusable, match=f"SEPME_{lone.upper()} is set and SEPME_SIGNING_.* is not: set both"):
        open_identity(settings)


def test_the_authority_without_its_key_is_refused(tmp_path: Path) -> None:
    own(tmp_path)
    folder = tmp_path / "signing"
    (folder / "leaf.pem").unlink()
    (folder / "ca-key.pem").unlink()
    with pytest.raises(IdentityUnusable, match=r"ca-key.pem: No such file.*move .*signing aside"):
        own(tmp_path)


def test_no_part_of_the_key_is_shown(tmp_path: Path) -> None:
    assert "PrivateKey" not in repr(own(tmp_path))
