"""The case and the reason of a request: kept wherever it leaves a trace, and no part of what is made."""

import hashlib
import json
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from sepme_core.registry.blobs import Blobs
from tests.app import working
from tests.app.test_jobs import ids

pytestmark = pytest.mark.usefixtures("model")

NOTICE = {"case": "2026-0117", "reason": "a notice by the painter's heirs"}
LATER = {"case": "2026-0300", "reason": "a second notice"}
APPEAL = {"case": "2026-0117/appeal 1", "reason": "a licence was shown"}


@pytest.fixture
def cat(client: httpx.Client, engine: Engine, blobs: Blobs, model: None) -> str:
    """The id of the job by which cat was erased after a notice."""
    del model
    job_id: str = client.post("/concepts/cat/erase", json=NOTICE).json()["id"]
    working.erase(engine, blobs, job_id)
    return job_id


def audited(client: httpx.Client, **query: str) -> list[tuple[str, str, Any]]:
    """Of each entry its action, its concept, and on what grounds it is."""
    entries = client.get("/audit", params=query).json()["items"]
    return [(entry["action"], entry["concept"], grounds(entry["details"])) for entry in entries]


def grounds(said: dict[str, Any]) -> dict[str, Any]:
    return {key: said[key] for key in NOTICE if said.get(key) is not None}


def test_those_of_an_erasure_stand_on_its_job_in_the_audit_and_in_the_certificate(
    client: httpx.Client, cat: str
) -> None:
    job = client.get(f"/jobs/{cat}").json()
    assert grounds(job) == NOTICE
    assert "case" not in job["request"]
    assert "reason" not in job["request"]
    assert audited(client) == [("erase", "cat", NOTICE)]
    certificate = client.get("/concepts/cat").json()["certificate"]
    assert (certificate["case"], certificate["stated_reason"]) == (NOTICE["case"], NOTICE["reason"])


BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/concepts/cat/erase"): {},
    ("POST", "/erasures"): {"concepts": [{"name": "cat"}]},
    ("POST", "/erasures/again"): {},
    ("PUT", "/protected/acme"): {"prompts": ["Acme"]},
}
QUERIES = [("DELETE", "/concepts/cat"), ("DELETE", "/protected/acme"), ("GET", "/audit"), ("GET", "/jobs")]


def test_a_case_that_cannot_be_typed_again_is_refused_by_every_route_that_takes_one(client: httpx.Client) -> None:
    for unfit in ("", " 1", "1 ", "a" * 65, "2026\n0117", "2026\u20100117", "Fall Ä", "a;b", "1\n"):
        for (method, path), body in BODIES.items():
            problem = client.request(method, path, json={**body, "case": unfit}).json()
            assert [field["pointer"] for field in problem["errors"]] == ["#/case"], problem
            assert "1 to 64" in problem["errors"][0]["detail"]
        for method, path in QUERIES:
            problem = client.request(method, path, params={"case": unfit}).json()
            assert [field["name"] for field in problem["errors"]] == ["case"], problem
    assert client.get("/jobs").json()["items"] == []


def test_a_reason_that_is_no_line_of_words_is_refused(client: httpx.Client) -> None:
    for unfit in ("", "  ", "a" * 1001, "two\nlines", "a\u2028b", "a\u0007b", "a\u0000b"):
        problem = client.post("/concepts/cat/erase", json={"reason": unfit}).json()
        assert [field["pointer"] for field in problem["errors"]] == ["#/reason"], problem
        problem = client.delete("/protected/acme", params={"reason": unfit}).json()
        assert [field["name"] for field in problem["errors"]] == ["reason"], problem
    assert client.post("/concepts/cat/erase", json={"reason": "Å 🎨 " * 200}).status_code == 202


def test_what_a_delete_does_not_know_is_refused_before_it_is_done(client: httpx.Client) -> None:
    client.put("/protected/acme", json={"prompts": ["Acme"]})
    assert client.delete("/protected/acme", params={"cas": "2026-0117"}).status_code == 422
    assert client.get("/protected/acme").status_code == 200


def test_of_several_erasures_one_that_says_its_own_has_that_and_the_others_what_all_have_in_common(
    client: httpx.Client,
) -> None:
    concepts = [{"name": "cat"}, {"name": "dog", "case": "7"}, {"name": "bee", **LATER}, {"name": "fox", "case": None}]
    jobs = client.post("/erasures", json={"concepts": concepts, **NOTICE}).json()["items"]
    assert [grounds(job) for job in jobs] == [NOTICE, {**NOTICE, "case": "7"}, LATER, NOTICE]
    assert ids(client.get("/jobs", params={"case": "7"})) == [jobs[1]["id"]]
    assert len(ids(client.get("/jobs", params={"case": "2026-0117"}))) == 2
    assert ids(client.get("/jobs", params={"case": "2026-01"})) == []


def test_the_same_erasure_in_another_case_is_done_already_and_noted_once(client: httpx.Client, cat: str) -> None:
    before = client.get("/concepts/cat")
    for _ in range(2):
        job = client.post("/concepts/cat/erase", json=LATER)
        assert (job.status_code, job.json()["state"], grounds(job.json())) == (200, "succeeded", LATER)
        assert client.post("/concepts/cat/erase").json()["case"] is None
        assert client.post("/concepts/cat/erase", json=NOTICE).json()["id"] != cat
    assert audited(client) == [("erase", "cat", NOTICE), ("case-noted", "cat", LATER)]
    noted = client.get("/audit", params={"case": LATER["case"]}).json()["items"][0]
    assert noted["from_digest"] == noted["to_digest"] == before.json()["digest"]
    after = client.get("/concepts/cat")
    assert (after.json(), after.headers["etag"]) == (before.json(), before.headers["etag"])


def test_the_same_erasure_in_another_case_is_the_job_under_way_and_noted_once(
    client: httpx.Client, engine: Engine, blobs: Blobs
) -> None:
    both = {"concepts": [{"name": "cat"}, {"name": "dog"}], "joint": True}
    first = client.post("/erasures", json={**both, **NOTICE}).json()["items"]
    for said in (LATER, NOTICE, LATER, {}):
        again = client.post("/erasures", json={**both, **said}).json()["items"]
        assert [job["id"] for job in again] == [job["id"] for job in first]
        assert [grounds(job) for job in again] == [NOTICE, NOTICE]
    for job in first:
        working.erase(engine, blobs, job["id"])
    noted = [("case-noted", "cat", LATER), ("case-noted", "dog", LATER)]
    assert audited(client) == [*noted, ("erase", "cat", NOTICE), ("erase", "dog", NOTICE)]


def test_what_is_made_is_the_same_with_and_without_them(
    client: httpx.Client, engine: Engine, blobs: Blobs, cat: str
) -> None:
    """A worker of these tests makes its bytes of all that it is asked."""
    digest = client.get("/concepts/cat").json()["digest"]
    client.delete("/concepts/cat?purge=true")
    working.erase(engine, blobs, client.post("/concepts/cat/erase").json()["id"])
    assert client.get("/concepts/cat").json()["digest"] == digest
    assert client.get(f"/jobs/{cat}").json()["request"] == client.get("/jobs").json()["items"][0]["request"]


def test_an_idempotency_key_stands_for_one_case(client: httpx.Client) -> None:
    key = {"Idempotency-Key": "2f1c"}
    first = client.post("/concepts/cat/erase", json=NOTICE, headers=key).json()
    assert client.post("/concepts/cat/erase", json=NOTICE, headers=key).json()["id"] == first["id"]
    assert client.post("/concepts/cat/erase", json=LATER, headers=key).status_code == 422


@pytest.mark.usefixtures("cat")
def test_restoring_erasing_again_and_purging_carry_theirs(client: httpx.Client) -> None:
    for said in (APPEAL, APPEAL, LATER, {}):
        assert client.delete("/concepts/cat", params=said).json()["state"] == "restored"
    client.post("/concepts/cat/erase", json=APPEAL)
    client.post("/concepts/cat/erase", json={"irrevocable": False, **LATER})
    client.delete("/concepts/cat", params={"purge": "true", **LATER})
    assert audited(client) == [
        ("erase", "cat", NOTICE),
        ("restore", "cat", APPEAL),
        ("case-noted", "cat", LATER),
        ("reactivate", "cat", APPEAL),
        ("case-noted", "cat", LATER),
        ("purge", "cat", LATER),
    ]


@pytest.mark.usefixtures("cat")
def test_a_further_name_is_recorded_and_withdrawn_with_its_own(client: httpx.Client) -> None:
    client.post("/concepts/kitty/erase", json={"same_as": "cat", "prompts": ["cat"], **LATER})
    client.delete("/concepts/kitty", params={"purge": "true", **APPEAL})
    assert audited(client)[1:] == [("further-name", "cat", LATER), ("withdraw-further-name", "cat", APPEAL)]


def test_protecting_carries_its_own_now_or_by_a_job(client: httpx.Client, engine: Engine, blobs: Blobs) -> None:
    acme = {"prompts": ["Acme"]}
    client.put("/protected/acme", json={**acme, **NOTICE})
    for said in (LATER, LATER, NOTICE, {}):
        client.put("/protected/acme", json={**acme, **said})
    client.delete("/protected/acme", params=APPEAL)
    told = [("protect", NOTICE), ("case-noted", LATER), ("unprotect", APPEAL)]
    assert audited(client) == [(action, "acme", said) for action, said in told]
    working.erase(engine, blobs, client.post("/concepts/nudity/erase", json={"irrevocable": True}).json()["id"])
    job = client.put("/protected/brand", json={**acme, **NOTICE}).json()
    assert grounds(job) == NOTICE
    assert client.put("/protected/brand", json={**acme, **LATER}).json()["id"] == job["id"]
    working.protect(engine, blobs, job["id"])
    assert audited(client, concept="brand") == [("case-noted", "brand", LATER), ("protect", "brand", NOTICE)]
    client.put("/protected/badge", json={"prompts": ["a badge"]})
    client.delete("/protected/badge", params=APPEAL)
    assert audited(client, concept="badge") == [("case-noted", "badge", APPEAL)], "nothing was protected yet"


@pytest.mark.usefixtures("cat")
def test_a_re_projection_by_the_way_carries_none(client: httpx.Client, engine: Engine, blobs: Blobs) -> None:
    working.erase(engine, blobs, client.post("/concepts/dog/erase", json=LATER).json()["id"])
    by_the_way = client.get("/concepts/cat").json()["job"]
    working.reproject(engine, blobs, by_the_way)
    job = client.get(f"/jobs/{by_the_way}").json()
    assert (job["kind"], grounds(job)) == ("reproject", {})
    assert client.get("/concepts/cat").json()["certificate"]["case"] is None
    assert ("reproject", "cat", {"reason": "reprojected"}) in audited(client)
    assert [entry["action"] for entry in client.get("/audit?case=2026-0117").json()["items"]] == ["erase"]


@pytest.mark.usefixtures("cat")
def test_erasing_all_again_for_another_model_carries_its_own(client: httpx.Client, engine: Engine) -> None:
    working.announce(engine, base_digest=working.OTHER_BASE)
    (job,) = client.post("/erasures/again", json=LATER).json()["items"]
    assert grounds(job) == LATER
    assert client.post("/erasures/again", json=APPEAL).json()["items"][0]["id"] == job["id"]
    assert audited(client)[1:] == [("case-noted", "cat", APPEAL)]


@pytest.mark.usefixtures("cat")
def test_the_audit_is_listed_by_case_and_by_case_and_concept_and_each_entry_can_be_checked(
    client: httpx.Client,
) -> None:
    client.put("/protected/acme", json={"prompts": ["Acme"], **NOTICE})
    client.put("/protected/brand", json={"prompts": ["Brand"]})
    assert audited(client, case="2026-0117") == [("erase", "cat", NOTICE), ("protect", "acme", NOTICE)]
    assert audited(client, case="2026-0117", concept="acme") == [("protect", "acme", NOTICE)]
    assert audited(client, case="2026-0117", concept="brand") == []
    assert audited(client, case="2026-011") == []
    entries = client.get("/audit").json()["items"]
    assert [entry.get("case") for entry in entries] == ["2026-0117", "2026-0117", None]
    for entry in entries:
        stated = entry.pop("hash")
        canonical = json.dumps(entry, sort_keys=True, separators=(",", ":")).encode()
        assert stated == "sha256:" + hashlib.sha256(canonical).hexdigest()
