"""Keys over HTTP: made, shown once, rotated, revoked, expired; who gets in, and who sees what."""

import re
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from sqlalchemy import Engine, text

from app.holders import FORWARDED, NEEDED, OPEN, documented
from app.main import ROUTERS
from sepme_core.registry.blobs import Blobs
from sepme_core.settings import Settings
from sepme_core.terms import SCOPES
from tests.app import working
from tests.app.problems import problem_of
from tests.app.running import RunningService

PLACES = {"name": "cat", "job_id": "nobody", "image_id": "nobody", "slug": "key-missing"}


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture
def admin(client: httpx.Client) -> httpx.Client:
    """The client, with the first key."""
    made = client.post("/keys", json={"name": "ops", "scopes": ["admin"], "floor": "none"})
    assert made.status_code == 201, made.text
    client.headers.update(bearer(made.json()["key"]))
    return client


@pytest.fixture
def holder(admin: httpx.Client, service: RunningService) -> Callable[..., httpx.Client]:
    """Makes a key, and a client that has it."""

    def make(name: str, *scopes: str, **body: Any) -> httpx.Client:
        made = admin.post("/keys", json={"name": name, "scopes": list(scopes), **body})
        assert made.status_code == 201, made.text
        other = service.client()
        other.headers.update(bearer(made.json()["key"]))
        return other

    return make


def test_until_the_first_key_this_machine_alone_is_answered(client: httpx.Client) -> None:
    assert client.get("/concepts").status_code == 200
    for name in FORWARDED:
        assert problem_of(client.get("/concepts", headers={name: "for=203.0.113.7"})) == (401, "key-missing")


def test_the_first_key_closes_the_service_to_all_who_have_none(admin: httpx.Client, service: RunningService) -> None:
    assert admin.get("/concepts").status_code == 200
    with service.client() as nobody:
        answer = nobody.get("/concepts")
        assert problem_of(answer) == (401, "key-missing")
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="sepme"'
        assert nobody.get("/livez").status_code == nobody.get("/docs").status_code == 200


def test_a_revoked_first_key_does_not_open_the_service_again(admin: httpx.Client, service: RunningService) -> None:
    admin.delete("/keys/ops")
    with service.client() as nobody:
        assert problem_of(nobody.get("/concepts")) == (401, "key-missing")


def test_who_asks_is_told_before_the_body_is_read(admin: httpx.Client, service: RunningService) -> None:
    del admin  # its key closes the service
    with service.client() as nobody:
        sent = nobody.post("/generate", content=b"{", headers={"Content-Type": "application/json"})
    assert problem_of(sent) == (401, "key-missing")


@pytest.mark.parametrize(
    "sent",
    ["Bearer", "Basic b3BzOm9wcw==", "Bearer sepme_", f"Bearer sepme_{12 * 'a'}_{43 * 'b'}", "Bearer ключ"],
)
def test_what_is_no_key_is_refused(admin: httpx.Client, sent: str) -> None:
    answer = admin.get("/concepts", headers={b"Authorization": sent.encode()})
    assert problem_of(answer) == (401, "key-invalid")
    assert "invalid_token" in answer.headers["WWW-Authenticate"]


def test_another_secret_under_a_known_id_is_refused(admin: httpx.Client) -> None:
    key = admin.headers["Authorization"].removeprefix("Bearer ")
    other = key[:-1] + ("a" if key[-1] != "a" else "b")
    assert problem_of(admin.get("/concepts", headers=bearer(other))) == (401, "key-invalid")


def test_two_keys_at_once_are_refused(admin: httpx.Client) -> None:
    key = admin.headers["Authorization"]
    answer = httpx.get(admin.base_url.join("/concepts"), headers=[("Authorization", key), ("Authorization", key)])
    assert problem_of(answer) == (401, "key-invalid")


def test_a_key_is_shown_once_and_stored_as_a_keyed_hash(
    admin: httpx.Client, engine: Engine, settings: Settings
) -> None:
    made = admin.post("/keys", json={"name": "shop", "scopes": ["generate"]}).json()
    assert re.fullmatch(r"sepme_[A-Za-z0-9]{12}_[A-Za-z0-9]{43}", made["key"])
    assert "key" not in admin.get("/keys/shop").json()
    with engine.connect() as connection:
        stored = str(connection.execute(text("SELECT * FROM keys")).all())
    assert made["key"].rpartition("_")[2] not in stored
    assert stat.S_IMODE(settings.keys_pepper.stat().st_mode) == 0o600


def test_without_the_secret_they_are_hashed_with_no_key_is_good(admin: httpx.Client, settings: Settings) -> None:
    settings.keys_pepper.rename(settings.keys_pepper.with_name("away"))
    answer = admin.get("/concepts")
    assert problem_of(answer) == (503, "storage-unusable")
    assert str(settings.keys_pepper) in answer.json()["detail"]


def test_a_rotated_key_has_another_secret_and_the_old_one_ends(admin: httpx.Client) -> None:
    old = admin.post("/keys", json={"name": "shop", "scopes": ["generate"]}).json()["key"]
    new = admin.post("/keys/shop/rotate").json()["key"]
    assert problem_of(admin.get("/jobs", headers=bearer(old))) == (401, "key-invalid")
    newer = admin.post("/keys/shop/rotate", json={"overlap_seconds": 60}).json()["key"]
    assert [admin.get("/jobs", headers=bearer(key)).status_code for key in (new, newer)] == [200, 200]


def test_a_revoked_key_is_of_no_use_and_its_name_is_not_given_again(admin: httpx.Client) -> None:
    key = admin.post("/keys", json={"name": "shop", "scopes": ["generate"]}).json()["key"]
    assert admin.delete("/keys/shop").json()["revoked_at"]
    assert admin.delete("/keys/shop").status_code == 200
    answer = admin.get("/jobs", headers=bearer(key))
    assert problem_of(answer) == (401, "key-invalid")
    assert "revoked" in answer.json()["detail"]
    taken = admin.post("/keys", json={"name": "shop", "scopes": ["generate"]})
    assert problem_of(taken) == (409, "key-name-taken")
    assert problem_of(admin.post("/keys/shop/rotate")) == (409, "key-revoked")


def test_a_key_ends_by_itself(admin: httpx.Client, engine: Engine) -> None:
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    key = admin.post("/keys", json={"name": "shop", "scopes": ["generate"], "expires_at": soon}).json()["key"]
    assert admin.get("/jobs", headers=bearer(key)).status_code == 200
    with engine.begin() as connection:
        connection.execute(text("UPDATE keys SET expires_at = created_at WHERE name = 'shop'"))
    answer = admin.get("/jobs", headers=bearer(key))
    assert problem_of(answer) == (401, "key-invalid")
    assert "expired" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"scopes": ["paint"]}, "#/scopes/0"),
        ({"scopes": []}, "#/scopes"),
        ({"floor": ["nowhere"]}, "#/floor/0"),
        ({"floor": "all"}, "#/floor"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "#/expires_at"),
        ({"quotas": {"pictures_a_minute": 0}}, "#/quotas/pictures_a_minute"),
        ({"name": "Big Shop"}, "#/name"),
    ],
)
def test_a_key_that_cannot_be_made_says_which_field_is_wrong(
    admin: httpx.Client, body: dict[str, Any], pointer: str
) -> None:
    answer = admin.post("/keys", json={"name": "shop", "scopes": ["generate"], **body})
    assert problem_of(answer) == (422, "invalid-request")
    assert any(error["pointer"].startswith(pointer) for error in answer.json()["errors"])


def test_when_a_key_was_used_last_is_kept(admin: httpx.Client) -> None:
    key = admin.post("/keys", json={"name": "shop", "scopes": ["generate"]}).json()
    assert key["used_at"] is None
    admin.get("/jobs", headers=bearer(key["key"]))
    assert admin.get("/keys/shop").json()["used_at"] is not None


def test_what_happens_to_keys_is_audited_without_their_secrets(admin: httpx.Client) -> None:
    key = admin.post("/keys", json={"name": "shop", "scopes": ["generate"]}).json()["key"]
    admin.post("/keys/shop/rotate")
    admin.delete("/keys/shop")
    entries = admin.get("/audit").json()["items"]
    done = [(entry["actor"], entry["action"], entry["details"]["key"]) for entry in entries]
    assert done == [
        ("anonymous", "create-key", "ops"),
        ("ops", "create-key", "shop"),
        ("ops", "rotate-key", "shop"),
        ("ops", "revoke-key", "shop"),
    ]
    assert key.rpartition("_")[2] not in str(entries)


def test_every_route_says_what_it_needs() -> None:
    found = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    routes = {(method, documented(route.path)) for route in found for method in route.methods or ()}
    assert routes - OPEN == set(NEEDED)
    assert set(NEEDED.values()) - {None} <= set(SCOPES)


@pytest.mark.parametrize(("route", "needed"), [(route, needed) for route, needed in NEEDED.items() if needed])
def test_a_route_is_closed_to_a_key_with_every_scope_but_its_own(
    holder: Callable[..., httpx.Client], route: tuple[str, str], needed: str
) -> None:
    method, path = route
    with holder("other", *(scope for scope in SCOPES if scope not in (needed, "admin"))) as other:
        answer = other.request(method, path.format(**PLACES), json={} if method in ("POST", "PUT") else None)
    assert problem_of(answer) == (403, "scope-missing")
    assert answer.json()["needed"] == [needed]


@pytest.mark.usefixtures("model")
def test_jobs_and_pictures_of_another_are_not_there(
    holder: Callable[..., httpx.Client], engine: Engine, blobs: Blobs
) -> None:
    with holder("one", "generate") as one, holder("two", "generate") as two, holder("all", "jobs:read") as every:
        job_id = one.post("/generate", json={"prompt": "a cat", "erased": "active"}).json()["id"]
        working.draw(engine, blobs, job_id)
        (picture,) = one.get(f"/jobs/{job_id}").json()["result"]["images"]
        for path in (f"/jobs/{job_id}", f"/jobs/{job_id}/events", picture["url"]):
            assert [each.get(path).status_code for each in (one, two, every)] == [200, 404, 200], path
        assert problem_of(two.post(f"/jobs/{job_id}/cancel")) == (404, "job-not-found")
        assert problem_of(every.post(f"/jobs/{job_id}/cancel")) == (403, "scope-missing")
        assert [len(each.get("/jobs").json()["items"]) for each in (one, two, every)] == [1, 0, 1]


@pytest.mark.usefixtures("model")
def test_an_idempotency_key_is_of_its_holder(holder: Callable[..., httpx.Client]) -> None:
    body, headers = {"prompt": "a cat"}, {"Idempotency-Key": "first"}
    with holder("one", "generate") as one, holder("two", "generate") as two:
        ids = [each.post("/generate", json=body, headers=headers).json()["id"] for each in (one, one, two)]
    assert ids[0] == ids[1] != ids[2]


def test_evidence_is_for_those_who_may_see_it_and_of_what_is_for_good_for_admin(
    admin: httpx.Client, holder: Callable[..., httpx.Client], engine: Engine, blobs: Blobs
) -> None:
    pictures = {}
    for name, body in (("cat", {}), ("dog", {"irrevocable": True})):
        job_id = admin.post(f"/concepts/{name}/erase", json=body).json()["id"]
        working.erase(engine, blobs, job_id, evidence=True)
        pictures[name] = admin.get(f"/concepts/{name}").json()["certificate"]["pictures"][0]["url"]
    with (
        holder("drawer", "generate", "jobs:read") as drawer,
        holder("auditor", "evidence:read") as auditor,
    ):
        assert [drawer.get(pictures[name]).status_code for name in pictures] == [403, 403]
        assert [auditor.get(pictures[name]).status_code for name in pictures] == [200, 403]
        assert [admin.get(pictures[name]).status_code for name in pictures] == [200, 200]


def test_the_increment_of_what_is_for_good_is_for_admin(
    admin: httpx.Client, holder: Callable[..., httpx.Client], engine: Engine, blobs: Blobs
) -> None:
    job_id = admin.post("/concepts/dog/erase", json={"irrevocable": True}).json()["id"]
    working.erase(engine, blobs, job_id)
    with holder("files", "files:read") as files:
        assert problem_of(files.get("/concepts/dog/lora")) == (403, "scope-missing")
        assert (
            problem_of(admin.get("/concepts/dog/lora"))[1] == "increment-damaged"
        )  # it came past: these are no increments


def test_openapi_names_the_scheme_and_the_scope_of_each_route(admin: httpx.Client) -> None:
    document = admin.get("/openapi.json").json()
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    assert document["paths"]["/generate"]["post"]["security"] == [{"key": ["generate"]}]
    assert document["paths"]["/jobs"]["get"]["security"] == [{"key": []}]
    assert document["paths"]["/livez"]["get"]["security"] == []


def test_a_key_says_what_was_asked_for_with_it(client: httpx.Client, engine: Engine, blobs: Blobs, model: None) -> None:
    del model
    admin = _header(client.post("/keys", json={"name": "ops", "scopes": ["admin"]}).json())
    shop = _header(client.post("/keys", json={"name": "shop", "scopes": ["generate"]}, headers=admin).json())
    for seed in range(3):
        client.post("/generate", json={"prompt": "a cat", "seed": seed}, headers=shop)
    erasing = client.post("/concepts/cat/erase", headers=admin).json()["id"]
    working.erase(engine, blobs, erasing)
    listed = client.get("/keys", headers=admin).json()["items"]
    assert {key["name"]: key["use"] for key in listed} == {
        "ops": {"waiting_jobs": 0, "erasures": 1, "generations": 0},
        "shop": {"waiting_jobs": 3, "erasures": 0, "generations": 3},
    }
    assert client.get("/keys/shop", headers=admin).json()["use"] == listed[1]["use"]


def _header(made: dict[str, str]) -> dict[str, str]:
    return {"Authorization": f"Bearer {made['key']}"}
