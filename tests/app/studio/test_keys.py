import httpx
import pytest

from tests.app.studio.holders import made
from tests.app.studio.test_concepts import text


def test_before_the_first_key_the_page_says_what_the_first_one_does(client: httpx.Client) -> None:
    page = text(client.get("/studio/keys"))
    assert "With the first one the service closes to all who have none, for good." in page
    assert "metrics:read read the metrics" in page


def test_keys_tell_their_floor_their_quotas_and_their_use_and_never_a_secret(
    client: httpx.Client,
    admin: httpx.Client,
    model: None,
) -> None:
    del model
    body = {"name": "shop", "scopes": ["generate"], "floor": "none", "quotas": {"pictures_a_minute": 60}}
    secret = admin.post("/keys", json=body).json()["key"]
    client.post("/generate", json={"prompt": "a cat"}, headers={"Authorization": f"Bearer {secret}"})
    page = admin.get("/studio/keys")
    assert secret not in page.text
    said = text(page)
    assert "60 pictures a minute" in said
    assert "1 requests for pictures; 1 wait" in said
    admin.delete("/keys/shop")
    revoked = admin.get("/studio/keys").text
    assert 'data-state="revoked"' in revoked
    assert 'data-revoke="shop"' not in revoked


@pytest.mark.parametrize("scope", ["generate", "audit:read", "concepts:write"])
def test_keys_are_for_admin_alone(client: httpx.Client, admin: httpx.Client, scope: str) -> None:
    headers = made(admin, "other", scope)
    refused = client.get("/studio/keys", headers=headers)
    assert refused.status_code == 403
    assert "ops" not in text_of_main(refused.text)
    assert "studio/keys" not in client.get("/studio/jobs", headers=headers).text


def text_of_main(page: str) -> str:
    return page.split("<main", 1)[1].split("</main>", 1)[0]
