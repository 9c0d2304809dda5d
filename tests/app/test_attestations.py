import base64
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, update

from app.attestations.__main__ import main
from sepme_core.provenance import envelope, statement
from sepme_core.provenance.identity import open_identity
from sepme_core.registry.blobs import Blobs
from sepme_core.registry.database import writing
from sepme_core.registry.tables import AuditEntry
from sepme_core.settings import Settings
from tests.app import working
from tests.app.bundles import statement_in, unzipped
from tests.app.problems import problem_of


@pytest.fixture(autouse=True)
def cat(client: httpx.Client, engine: Engine, blobs: Blobs, model: None) -> None:
    """The cat is erased, beside a protected brand."""
    del model  # it need only be there
    client.put("/protected/acme", json={"prompts": ["Acme"]}).raise_for_status()
    working.erase(engine, blobs, client.post("/concepts/cat/erase").json()["id"], evidence=True)


def attested(client: httpx.Client, name: str = "cat") -> Any:
    document = client.get(f"/concepts/{name}/attestation").raise_for_status().json()
    return json.loads(base64.b64decode(document["payload"]))


def entry(client: httpx.Client, action: str) -> Any:
    found = [each for each in client.get("/audit").json()["items"] if each["action"] == action][-1]
    return {name: found[name] for name in ("sequence", "hash", "at", "action")}


def test_an_attestation_says_what_stands_since_when_and_by_what(client: httpx.Client) -> None:
    concept, made = client.get("/concepts/cat").json(), entry(client, "erase")
    said = attested(client)
    assert said["_type"] == "https://in-toto.io/Statement/v1"
    assert said["predicateType"] == "urn:sepme:attestation:concept:v1"
    assert said["subject"] == [{"name": "cat@1", "digest": {"sha256": concept["digest"].removeprefix("sha256:")}}]
    predicate = said["predicate"]
    assert {
        name: predicate[name] for name in ("concept", "kind", "prompts", "base_digest", "certificate", "version")
    } == {
        "concept": "cat",
        **{name: concept[name] for name in ("kind", "prompts", "base_digest", "certificate", "version")},
    }
    assert (predicate["state"], predicate["since"], predicate["made"]) == ("erased", made, made)
    assert predicate["audit"] == {"sequence": made["sequence"], "hash": made["hash"]}
    assert [each["name"] for each in predicate["protected"]] == ["acme"]
    assert predicate["grounds"] == []


def test_the_services_key_signed_it_and_the_same_state_is_the_same_bytes(
    client: httpx.Client, settings: Settings
) -> None:
    answer = client.get("/concepts/cat/attestation")
    assert answer.headers["content-type"] == "application/json"
    key = open_identity(settings).key.public_key()
    statement.read(envelope.verify(answer.content, [key]).payload, statement.CONCEPT)
    assert client.get("/concepts/cat/attestation").content == answer.content


def test_the_command_writes_the_bytes_that_the_route_answers(
    client: httpx.Client, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    answer = client.get("/concepts/cat/bundle")
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == 'attachment; filename="cat.zip"'
    for name in ("home", "database_url", "blob_url"):
        monkeypatch.setenv(f"SEPME_{name.upper()}", str(getattr(settings, name)))
    assert main(["cat", str(tmp_path / "cat.zip")]) == 0
    assert (tmp_path / "cat.zip").read_bytes() == answer.content
    assert (tmp_path / "cat.zip").stat().st_mode & 0o077 == 0
    assert main(["dog", str(tmp_path / "dog.zip")]) == 2
    assert "'dog'" in capsys.readouterr().err
    assert main(["cat", str(tmp_path / "nowhere" / "cat.zip")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_what_was_never_erased_is_not_attested(client: httpx.Client) -> None:
    for what in ("attestation", "bundle"):
        assert problem_of(client.get(f"/concepts/dog/{what}")) == (404, "concept-not-found")
    client.post("/concepts/dog/erase").raise_for_status()
    for what in ("attestation", "bundle"):
        assert problem_of(client.get(f"/concepts/dog/{what}")) == (409, "concept-never-erased")


def test_by_a_further_name_it_is_that_of_the_concept(client: httpx.Client, engine: Engine, blobs: Blobs) -> None:
    job = client.post("/concepts/kitty/erase", json={"same_as": "cat"}).json()["id"]
    working.erase(engine, blobs, job, evidence=True)
    for what in ("attestation", "bundle"):
        assert client.get(f"/concepts/kitty/{what}").content == client.get(f"/concepts/cat/{what}").content


def test_nothing_is_signed_that_the_audit_does_not_bear_out(client: httpx.Client, engine: Engine) -> None:
    with writing(engine) as session:
        session.execute(update(AuditEntry).where(AuditEntry.action == "erase").values(actor="somebody"))
    for what in ("attestation", "bundle"):
        assert problem_of(client.get(f"/concepts/cat/{what}")) == (500, "audit-damaged")


def test_a_bundle_without_its_pictures_or_a_signature_is_refused(
    client: httpx.Client, blobs: Blobs, settings: Settings
) -> None:
    picture = client.get("/concepts/cat").json()["certificate"]["pictures"][0]["id"]
    blobs.delete(client.get(f"/images/{picture}", headers={"Accept": "application/json"}).json()["digest"])
    assert problem_of(client.get("/concepts/cat/bundle")) == (410, "image-gone")
    client.get("/concepts/cat/attestation").raise_for_status()
    (settings.home / "signing" / "leaf.pem").write_text("nothing")
    answer = client.get("/concepts/cat/attestation")
    assert problem_of(answer) == (503, "signing-unusable")
    assert "leaf.pem" in answer.json()["detail"]


def test_evidence_of_what_is_erased_for_good_is_the_admins(client: httpx.Client) -> None:
    client.post("/concepts/cat/erase", json={"irrevocable": True}).raise_for_status()

    def key(name: str, *scopes: str) -> dict[str, str]:
        text = client.post("/keys", json={"name": name, "scopes": list(scopes), "floor": "none"}).json()["key"]
        return {"Authorization": f"Bearer {text}"}

    client.headers.update(key("ops", "admin"))
    auditor, drawer = key("auditor", "evidence:read"), key("drawer", "generate")
    assert problem_of(client.get("/concepts/cat/attestation", headers=drawer)) == (403, "scope-missing")
    assert client.get("/concepts/cat/attestation", headers=auditor).status_code == 200
    assert problem_of(client.get("/concepts/cat/bundle", headers=auditor)) == (403, "scope-missing")
    assert client.get("/concepts/cat/bundle").status_code == 200
    files = unzipped(client.get("/concepts/cat/bundle").content)
    assert statement_in(files)["predicate"]["irrevocable"] is True
