import json
from pathlib import Path

import httpx
import pytest
from safetensors import safe_open
from sqlalchemy import Engine

from sepme_core.registry import jobs
from sepme_core.registry.blobs import Blobs
from sepme_core.registry.database import writing
from tests.app import working
from tests.app.running import RunningService


@pytest.fixture
def increment() -> bytes:
    return working.increment("cat")


@pytest.fixture
def digest(client: httpx.Client, engine: Engine, blobs: Blobs, model: None, increment: bytes) -> str:
    """The digest of the increment that stands for the concept cat."""
    del model  # it need only be there
    claimed = working.claim(engine, client.post("/concepts/cat/erase").json()["id"])
    made = jobs.StoredIncrement(
        digest=blobs.put(increment),
        bytes=len(increment),
        base_digest=working.BASE,
        reason="erased",
        certificate=working.CERTIFICATE,
        settings={},
    )
    with writing(engine) as session:
        assert jobs.publish_erasure(session, claimed, made, considered=[])
    return made.digest


def test_an_increment_is_given_as_a_lora_file(client: httpx.Client, digest: str, tmp_path: Path) -> None:
    answer = client.get("/concepts/cat/lora")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == 'attachment; filename="cat.safetensors"'
    assert answer.headers["etag"] == f'"{digest}"'
    (tmp_path / "cat.safetensors").write_bytes(answer.content)
    with safe_open(tmp_path / "cat.safetensors", "np") as file:
        assert sorted(file.keys()) == [
            "unet.block.attn2.to_k.lora_A.weight",
            "unet.block.attn2.to_k.lora_B.weight",
            "unet.block.attn2.to_v.lora_A.weight",
            "unet.block.attn2.to_v.lora_B.weight",
        ]
        assert file.get_tensor("unet.block.attn2.to_v.lora_A.weight").tolist() == [
            [0, 2, 4, 6, 8, 10],
            [1, 3, 5, 7, 9, 11],
        ]
        (entry,) = file.metadata().values()
    assert json.loads(entry).items() >= {"concept": "cat", "base_digest": working.BASE, "increment": digest}.items()


def test_the_file_for_other_programs_has_their_names_and_a_tag_of_its_own(
    client: httpx.Client, digest: str, tmp_path: Path
) -> None:
    answer = client.get("/concepts/cat/lora", params={"format": "kohya"})
    assert answer.headers["content-disposition"] == 'attachment; filename="cat-kohya.safetensors"'
    assert answer.headers["etag"] == f'"{digest}-kohya"'
    (tmp_path / "cat.safetensors").write_bytes(answer.content)
    with safe_open(tmp_path / "cat.safetensors", "np") as file:
        assert sorted(file.keys()) == [
            f"lora_unet_block_attn2_to_{matrix}.{part}"
            for matrix in "kv"
            for part in ("alpha", "lora_down.weight", "lora_up.weight")
        ]


def test_a_format_that_nobody_reads(client: httpx.Client, digest: str) -> None:
    del digest  # it need only be there
    answer = client.get("/concepts/cat/lora", params={"format": "comfy"})
    assert (answer.status_code, answer.json()["errors"][0]["location"]) == (422, "query")


def test_it_is_the_same_file_every_time_and_after_restoring_too(client: httpx.Client, digest: str) -> None:
    first = client.get("/concepts/cat/lora")
    client.delete("/concepts/cat").raise_for_status()
    again = client.get("/concepts/cat/lora")
    assert (again.status_code, again.content, again.headers["etag"]) == (200, first.content, f'"{digest}"')


def test_an_unknown_concept(client: httpx.Client) -> None:
    answer = client.get("/concepts/cat/lora")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/concept-not-found")


def test_a_concept_that_is_being_erased_for_the_first_time(client: httpx.Client, model: None) -> None:
    del model  # it need only be there
    job = client.post("/concepts/cat/erase").json()["id"]
    answer = client.get("/concepts/cat/lora")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/concept-never-erased")
    assert answer.json()["job"] == f"/jobs/{job}"


def test_a_concept_whose_erasure_was_cancelled(client: httpx.Client, model: None) -> None:
    del model  # it need only be there
    job = client.post("/concepts/cat/erase").json()["id"]
    client.post(f"/jobs/{job}/cancel").raise_for_status()
    answer = client.get("/concepts/cat/lora")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/concept-never-erased")
    assert answer.json()["job"] is None


@pytest.mark.parametrize("damage", ["a byte more", "missing"])
def test_a_file_that_is_not_what_its_digest_says(
    service: RunningService, client: httpx.Client, blobs: Blobs, digest: str, damage: str
) -> None:
    blobs.delete(digest)
    if damage == "a byte more":
        folder = Path(service.services.settings.blob_url.removeprefix("file://"))
        (folder / digest[7:9] / digest[9:]).write_bytes(b"!")
    answer = client.get("/concepts/cat/lora")
    assert (answer.status_code, answer.json()["type"]) == (500, "/problems/increment-damaged")
    assert answer.json()["concept"] == "cat"


def test_a_file_that_is_no_increment(client: httpx.Client, engine: Engine, blobs: Blobs, model: None) -> None:
    del model  # it need only be there
    working.erase(engine, blobs, client.post("/concepts/cat/erase").json()["id"])
    answer = client.get("/concepts/cat/lora")
    assert (answer.status_code, answer.json()["type"]) == (500, "/problems/increment-damaged")
