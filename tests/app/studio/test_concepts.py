"""The pages of concepts, as they are sent: what they say without a script, and what a key may not see."""

import json
import re
from html import unescape
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from app.studio.concepts import Pair, pairs
from sepme_core.registry.blobs import Blobs
from tests.app import working
from tests.app.studio.holders import made

ATTACK = """<img src=x onerror=alert(1)>"'"""


def erased(client: httpx.Client, engine: Engine, blobs: Blobs, name: str, **body: Any) -> None:
    job = client.post(f"/concepts/{name}/erase", json=body).json()
    working.erase(engine, blobs, job["id"], evidence=True)


def text(answer: httpx.Response) -> str:
    """A page's text, its white space aside."""
    assert answer.status_code == 200, answer.text
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))


def test_a_concept_can_be_read_without_a_script(
    client: httpx.Client, engine: Engine, blobs: Blobs, model: None
) -> None:
    del model
    erased(client, engine, blobs, "van-gogh", kind="style", prompts=["Van Gogh"])
    page = client.get("/studio/concepts/van-gogh")
    said = text(page)
    assert "Pictures under the active mask lack it" in said
    assert "Version 1 stands trained for a request." in said
    assert page.text.count('src="../../images/') == 1
    assert 'alt="With the increment: van-gogh"' in page.text
    assert "DELETE" in said
    listed = text(client.get("/studio/concepts"))
    assert re.search(r"van-gogh erased style 1", listed)
    assert "180 of 256 directions are left" in listed


def test_pictures_of_the_same_prompt_and_noise_are_a_pair() -> None:
    def picture(name: str, seed: int, *, erased: bool) -> dict[str, Any]:
        return {"id": name, "prompt": "a cat", "seed": seed, "erased": erased}

    listed = [picture("one", 1, erased=False), picture("two", 1, erased=True), picture("three", 2, erased=True)]
    assert pairs(listed) == [Pair("a cat", 1, "one", "two"), Pair("a cat", 2, None, "three")]


def test_the_state_says_what_it_means_and_what_can_be_done(
    client: httpx.Client, engine: Engine, blobs: Blobs, model: None
) -> None:
    del model
    erased(client, engine, blobs, "cat")
    assert "Nothing is made again by it" in text(client.get("/studio/concepts/cat"))
    client.delete("/concepts/cat")
    restored = text(client.get("/studio/concepts/cat"))
    assert "It is drawn again" in restored
    assert "Restore it" not in restored
    client.post("/concepts/dog/erase")
    assert "job-follow" in client.get("/studio/concepts/dog").text


def test_the_form_to_erase_again_is_filled_in_as_it_was_asked_for_last(
    client: httpx.Client, admin: httpx.Client, engine: Engine, blobs: Blobs, model: None
) -> None:
    del model
    options = {"start": "zero", "max_steps": 30, "seed": 4}
    erased(admin, engine, blobs, "cat", kind="object", prompts=["cat", "kitten"], substitute="a dog", options=options)
    page = admin.get("/studio/concepts/cat").text
    kept = re.search(r'data-options="([^"]*)"', page)
    assert kept
    assert json.loads(unescape(kept[1])) == options
    assert '<option value="zero" selected>' in page
    assert 'value="a dog"' in page
    assert "cat\nkitten</textarea>" in page
    other = client.get("/studio/concepts/cat", headers=made(admin, "other", "concepts:write")).text
    assert 'data-options="{}"' in other
    assert 'value="a dog"' not in other


def test_what_was_erased_for_good_offers_no_way_back(
    client: httpx.Client, engine: Engine, blobs: Blobs, model: None
) -> None:
    del model
    erased(client, engine, blobs, "cat", irrevocable=True)
    page = text(client.get("/studio/concepts/cat"))
    assert "It was erased for good" in page
    assert "Restore it" not in page
    assert "Purge it" not in page


def test_an_erasure_that_failed_says_why_and_what_helps(client: httpx.Client, engine: Engine, model: None) -> None:
    del model
    job = client.post("/concepts/cat/erase").json()["id"]
    problem = {
        "type": "/problems/concept-not-drawn",
        "title": "Not drawn",
        "status": 409,
        "detail": ATTACK,
        "remedy": "Look.",
    }
    working.fail(engine, job, **problem)
    page = client.get("/studio/concepts/cat")
    assert "Its last erasure failed" in page.text
    assert "<img src=x" not in page.text
    assert "Look." in page.text


def test_pictures_of_what_is_erased_are_for_those_who_may_see_them(
    client: httpx.Client,
    admin: httpx.Client,
    engine: Engine,
    blobs: Blobs,
    model: None,
) -> None:
    del model
    erased(admin, engine, blobs, "cat")
    erased(admin, engine, blobs, "dog", irrevocable=True)
    reader, witness = made(admin, "reader", "generate"), made(admin, "witness", "evidence:read", "files:read")

    def shows(name: str, headers: dict[str, str]) -> tuple[bool, bool, bool]:
        page = client.get(f"/studio/concepts/{name}", headers=headers).text
        return "data-picture=" in page, "/bundle" in page, "/lora" in page

    assert shows("cat", reader) == (False, False, False)
    assert shows("cat", witness) == (True, True, True)
    assert shows("dog", witness) == (False, False, False)
    assert shows("dog", dict(admin.headers)) == (True, True, True)
    assert "What can be done" not in client.get("/studio/concepts/cat", headers=reader).text


def test_a_further_name_shows_its_concept(client: httpx.Client, engine: Engine, blobs: Blobs, model: None) -> None:
    del model
    erased(client, engine, blobs, "cat")
    client.post("/concepts/kitty/erase", json={"same_as": "cat"})
    assert "is a further name of it" in text(client.get("/studio/concepts/kitty"))


def test_what_is_not_there_is_a_page_too(client: httpx.Client) -> None:
    for path, status in (("/studio/concepts/nothing", 404), ("/studio/concepts/No%20Slug", 422)):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")


def test_more_concepts_than_a_page_holds_have_a_next_one(
    client: httpx.Client, engine: Engine, blobs: Blobs, model: None
) -> None:
    del model
    for name in ("cat", "dog", "fish"):
        erased(client, engine, blobs, name)
    first = client.get("/studio/concepts?limit=2").text
    following = re.search(r'href="\.\./studio/concepts\?cursor=([^"]+)"', first)
    assert following
    assert "studio/concepts/fish" not in first
    assert "studio/concepts/fish" in client.get(f"/studio/concepts?cursor={following[1]}").text


@pytest.mark.usefixtures("model")
def test_protected_prompts_are_listed_and_escaped(client: httpx.Client, engine: Engine, blobs: Blobs) -> None:
    client.put("/protected/acme", json={"prompts": [ATTACK]})
    for job in client.get("/jobs", params={"state": "queued"}).json()["items"]:
        working.DO[job["kind"]](engine, blobs, job["id"])
    page = client.get("/studio/concepts").text
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror" in page
