"""What is said of a picture that somebody sends, by whatever program it was made."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from app.problems.handlers import PICTURE_LIMIT_BYTES
from sepme_core.provenance.identity import open_identity
from sepme_core.registry.blobs import Blobs
from sepme_core.settings import Settings
from tests.app import drawn, working
from tests.sepme_core.provenance import pictures


def inspected(client: httpx.Client, png: bytes) -> Any:
    answer = client.post("/inspections", content=png, headers={"Content-Type": "image/png"})
    return answer.raise_for_status().json()


@pytest.fixture
def png(client: httpx.Client, engine: Engine, blobs: Blobs, settings: Settings, model: None) -> bytes:
    """A picture of this service in which the cat and the dog were erased; the dog was made anew since."""
    del model
    for name in ("cat", "dog"):
        working.erase(engine, blobs, client.post(f"/concepts/{name}/erase").json()["id"], evidence=True)
    picture = drawn.picture(engine, blobs, drawn.asked(engine, ["cat", "dog"]), open_identity(settings))
    client.post("/concepts/cat/erase", json={"prompts": ["a tabby"]}).raise_for_status()
    client.delete("/concepts/dog", params={"purge": "true"}).raise_for_status()
    return client.get(f"/images/{picture}", headers={"Accept": "image/png"}).content


def test_a_picture_of_this_service_is_told_with_what_stands_here_of_its_mask(client: httpx.Client, png: bytes) -> None:
    found = inspected(client, png)
    assert (found["state"], found["reason"], found["signer"]["known"]) == ("valid", None, True)
    assert found["record"]["prompt"] == "a cat"
    assert found["statement"]["seed"] == 5
    assert found["base_served"] is True
    assert [(each["name"], each["version"], each["stands"], each["state"]) for each in found["increments"]] == [
        ("cat", 1, True, "erased"),
        ("dog", 1, False, None),
    ]


def test_a_changed_byte_makes_it_invalid_and_nothing_of_it_is_believed(client: httpx.Client, png: bytes) -> None:
    place = png.index(b"IDAT") + 20
    found = inspected(client, png[:place] + bytes([png[place] ^ 1]) + png[place + 1 :])
    assert (found["state"], found["statement"], found["signer"]) == ("invalid", None, None)


def test_without_its_manifest_it_is_unsigned_and_its_record_is_only_what_it_says(
    client: httpx.Client, model: None
) -> None:
    del model
    png, _ = drawn.drawn(
        {"prompt": "a cat", "base_digest": "sha256:1", "increments": [7, {"concept": "x"}]}, {}, "", None
    )
    found = inspected(client, png)
    assert (found["state"], found["base_served"], found["increments"]) == ("unsigned", False, [])
    assert found["record"]["prompt"] == "a cat"
    found = inspected(client, drawn.without_metadata(png))
    assert (found["state"], found["record"], found["base_served"]) == ("unsigned", None, None)


def test_the_picture_of_another_service_is_valid_and_its_signer_unknown(client: httpx.Client, tmp_path: Path) -> None:
    found = inspected(client, pictures.signed(pictures.identity_in(tmp_path / "other")))
    assert (found["state"], found["signer"]["known"]) == ("valid", False)
    assert [each["stands"] for each in found["increments"]] == [False, False]


@pytest.mark.parametrize("body", [b"no picture", b"GIF89a", b"\x89PNG\r\n\x1a"])
def test_what_is_no_png_is_refused(client: httpx.Client, body: bytes) -> None:
    answer = client.post("/inspections", content=body, headers={"Content-Type": "image/png"})
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/not-a-picture")


def test_another_media_type_or_too_large_a_body_is_refused_with_what_is_taken(client: httpx.Client) -> None:
    answer = client.post("/inspections", json={})
    assert (answer.status_code, answer.json()["supported"]) == (415, ["image/png"])
    body = b" " * (PICTURE_LIMIT_BYTES + 1)
    answer = client.post("/inspections", content=body, headers={"Content-Type": "image/png"})
    assert (answer.status_code, answer.json()["limit_bytes"]) == (413, PICTURE_LIMIT_BYTES)
