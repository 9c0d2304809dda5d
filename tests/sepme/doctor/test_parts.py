import datetime as dt
from pathlib import Path

import pytest
from cryptography import x509

from sepme.doctor import parts
from sepme_core.provenance import authority
from sepme_core.settings import Settings
from tests.sepme_core.provenance.pictures import identity_in


def settings_in(home: Path, **chosen: object) -> Settings:
    return Settings.model_validate({"home": home, **chosen})


def test_a_model_that_is_not_whole_is_a_fault(tmp_path: Path) -> None:
    assert parts.of_model(settings_in(tmp_path))["state"] == "ok"
    (tmp_path / "model").mkdir()
    found = parts.of_model(settings_in(tmp_path, model=str(tmp_path / "model")))
    assert found["state"] == "failed"
    assert "model_index.json" in found["detail"]
    assert parts.of_model(settings_in(tmp_path, model="somebody/model"))["detail"].startswith(
        "somebody/model, of the hub"
    )


def test_a_signing_identity_is_told_with_its_end_and_none_is_made(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert parts.of_signing(settings_in(home))["state"] == "ok"
    assert not home.exists()
    identity = identity_in(home)
    found = parts.of_signing(settings_in(home))
    assert found["state"] == "ok"
    assert identity.subject in found["detail"]
    assert str(identity.chain[0].not_valid_after_utc.date()) in found["detail"]


@pytest.mark.parametrize(("days", "state"), [(10, "warning"), (-1, "failed")])
def test_a_certificate_that_ends_soon_is_told_and_one_that_has_ended_is_a_fault(
    tmp_path: Path, days: int, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authority, "LEAF_DAYS", days)
    if days < 0:
        monkeypatch.setattr(authority, "CLOCKS_DIFFER", dt.timedelta(days=3))
        authority.make(tmp_path / "signing")
    else:
        identity_in(tmp_path)
    leaf = x509.load_pem_x509_certificate((tmp_path / "signing" / authority.LEAF).read_bytes())
    found = parts.of_signing(settings_in(tmp_path))
    assert found["state"] == state
    assert str(leaf.not_valid_after_utc.date()) in found["detail"]
    assert found["remedy"]


def test_a_key_without_its_certificates_is_a_fault(tmp_path: Path) -> None:
    found = parts.of_signing(settings_in(tmp_path, signing_key=tmp_path / "key.pem"))
    assert found["state"] == "failed"
    assert "SEPME_SIGNING_CERTIFICATES" in found["detail"]


def test_the_broker_of_ones_own_need_only_be_there(tmp_path: Path) -> None:
    (found,) = parts.of_broker(settings_in(tmp_path))
    assert found["state"] == "ok"
    assert "is there for sepme serve to start" in found["detail"]
    assert list(parts.of_broker(settings_in(tmp_path, broker_url="redis://elsewhere"))) == []


def test_without_a_broker_to_start_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("sepme.serve.broker.PROGRAMS", ("no-such-server",))
    (found,) = parts.of_broker(settings_in(tmp_path))
    assert found["state"] == "failed"
    assert "SEPME_BROKER_URL" in found["detail"]


def test_a_room_that_cannot_look_is_a_fault_with_its_last_words() -> None:
    (found,) = parts.of_room("sepme.no_such_program", "database")
    assert (found["name"], found["state"]) == ("database", "failed")
    assert "No module named sepme.no_such_program" in found["detail"]
