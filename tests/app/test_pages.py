"""Cursors that clients made up are refused, whatever the database makes of their insides."""

import base64
import json
from pathlib import Path

import httpx
import pytest

from sepme_core.settings import Settings


@pytest.fixture
def settings(
    environment_without_settings: None, tmp_path: Path, database_url: str, broker_url: str, blob_url: str
) -> Settings:
    del environment_without_settings
    return Settings(home=tmp_path / "home", database_url=database_url, broker_url=broker_url, blob_url=blob_url)


def cursor(*key: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


FORGED = {
    "/concepts": [cursor("a\x00b"), cursor("\ud800"), cursor(1), cursor(), cursor("a", "b")],
    "/protected": [cursor("a\x00b"), cursor("\ud800"), cursor({})],
    "/jobs": [cursor("2026-01-01", "a\x00b"), cursor("soon", "a")],
    "/audit": [cursor("9" * 40), cursor("-1x"), cursor("\u0663" * 30), cursor("1" * 5000)],
}


@pytest.mark.parametrize("path", list(FORGED))
def test_a_cursor_that_was_made_up_is_refused(client: httpx.Client, path: str) -> None:
    for forged in FORGED[path]:
        answer = client.get(path, params={"cursor": forged})
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-request"), forged
        assert answer.json()["errors"][0]["name"] == "cursor"


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_the_ends_of_time_are_moments_like_any_other(client: httpx.Client, moment: str) -> None:
    assert client.get("/jobs", params={"cursor": cursor(moment, "a")}).status_code == 200
