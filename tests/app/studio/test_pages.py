import re
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine

from app.studio.pages import POLICY, VIEWS
from sepme_core.registry.blobs import Blobs
from tests.app import working
from tests.app.studio.holders import made

STUDIO = Path(__file__).parents[3] / "app/studio"
PATHS = [f"/{path}" for _, path, _, _ in VIEWS]
INLINE = re.compile(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:|\shx-on|\sjs:", re.IGNORECASE)


@pytest.mark.parametrize("path", PATHS)
def test_a_page_runs_and_styles_nothing_but_its_own_files(client: httpx.Client, model: None, path: str) -> None:
    del model
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers["content-security-policy"] == POLICY
    assert not re.search(r"'unsafe|https?:|\*", POLICY)
    assert not INLINE.search(answer.text)
    for address in re.findall(r'(?:src|href)="([^"#]*)', answer.text):
        assert not re.match(r"[a-z]+:|//", address)
        found = client.get(httpx.URL(str(client.base_url) + path).join(address))
        assert found.status_code in (200, 503), address


@pytest.mark.parametrize("path", PATHS)
def test_without_a_key_a_service_that_has_keys_shows_the_frame_alone(
    client: httpx.Client, admin: httpx.Client, model: None, path: str
) -> None:
    del model
    admin.post("/concepts/van-gogh/erase")
    page = client.get(path)
    assert (page.status_code, page.headers["cache-control"]) == (200, "no-store")
    assert "asks for a key" in page.text
    assert "data-asks-for-key" in page.text
    assert "<code>sepme keys create NAME --scope …</code>" in page.text
    assert "van-gogh" not in page.text
    assert "Authorization" in page.headers["vary"]
    with_key = admin.get(path)
    assert "data-asks-for-key" not in with_key.text
    assert 'data-holder="ops"' in with_key.text


def test_a_key_that_is_not_good_is_said_so(client: httpx.Client, admin: httpx.Client) -> None:
    del admin
    answer = client.get("/", headers={"Authorization": "Bearer sepme_nothing"})
    assert (answer.status_code, answer.headers["content-type"]) == (401, "text/html; charset=utf-8")
    assert "The service knows no such key." in answer.text


def test_what_comes_from_users_is_shown_as_text(
    client: httpx.Client, engine: Engine, blobs: Blobs, model: None
) -> None:
    del model
    attack = """<img src=x onerror=alert(1)>"'"""
    job = client.post("/concepts/van-gogh/erase", json={"prompts": [attack], "reason": attack}).json()
    working.erase(engine, blobs, job["id"])
    working.announce(engine, suggestions={"styles": [attack], "objects": ["cat"], "prompt": "a {object}, {style}"})
    for path in PATHS:
        assert "<img src=x" not in client.get(path).text, path
    assert "a cat, &lt;img src=x onerror=alert(1)&gt;&#34;&#39;" in client.get("/").text


def test_without_a_model_the_page_says_so_and_what_to_do(client: httpx.Client) -> None:
    page = client.get("/").text
    assert "No worker has announced a model yet" in page
    assert "data-try-again" in page
    assert "data-draws" not in page


def test_a_page_names_the_address_that_clients_reach(client: httpx.Client, model: None) -> None:
    del model
    assert f"curl {client.base_url}/generate" in client.get("/").text


def test_pages_are_packed_for_those_who_can_unpack(client: httpx.Client, model: None) -> None:
    del model
    packed = client.get("/", headers={"Accept-Encoding": "gzip"})
    plain = client.get("/", headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.text == plain.text


def test_the_concepts_can_be_read_without_javascript(
    client: httpx.Client, engine: Engine, blobs: Blobs, model: None
) -> None:
    del model
    working.erase(engine, blobs, client.post("/concepts/van-gogh/erase", json={"kind": "style"}).json()["id"])
    client.post("/concepts/hokusai/erase", json={"kind": "style"})
    page = re.sub(r"\s+", " ", client.get("/").text)
    erased, under_way = (re.search(f'<li data-name="{name}">.*?</li>', page) for name in ("van-gogh", "hokusai"))
    assert erased
    assert " checked>" in erased[0]
    assert 'data-state="erased"' in erased[0]
    assert under_way
    assert " disabled>" in under_way[0]
    assert "being erased" in under_way[0]
    assert "<noscript>" in page


def test_the_masks_on_offer_are_those_that_the_key_may_have(admin: httpx.Client, client: httpx.Client) -> None:
    def offered(headers: dict[str, str]) -> list[str]:
        return re.findall(r'data-choice="(\w+)"', client.get("/", headers=headers).text)

    assert offered(made(admin, "all", "generate", "mask:choose")) == ["least", "active", "chosen"]
    assert offered(made(admin, "some", "generate")) == ["least", "active"]
    assert offered(made(admin, "bound", "generate", floor="active")) == ["active"]


def test_what_a_keys_floor_names_is_always_on(
    admin: httpx.Client, client: httpx.Client, engine: Engine, blobs: Blobs, model: None
) -> None:
    del model
    working.erase(engine, blobs, admin.post("/concepts/van-gogh/erase").json()["id"])
    admin.delete("/concepts/van-gogh").raise_for_status()
    key = made(admin, "bound", "generate", "mask:choose", floor=["van-gogh"])
    page = client.get("/", headers=key).text
    assert re.search(r'value="van-gogh" checked disabled>\s*<span class="name">van-gogh</span>', page)
    assert "Pictures of your key always lack: van-gogh." in page


def test_who_may_not_draw_is_told_what_it_takes(admin: httpx.Client, client: httpx.Client, model: None) -> None:
    del model
    page = client.get("/", headers=made(admin, "reader", "audit:read")).text
    assert "Drawing needs a key with the scope <code>generate</code>." in page
    assert "data-draws" not in page


def test_the_first_picture_is_drawn_at_once_only_where_nobody_waits_and_no_other_site_sent_the_reader(
    client: httpx.Client, model: None
) -> None:
    del model
    assert 'data-draws="at once"' in client.get("/").text
    assert "data-draws" not in client.get("/", headers={"Sec-Fetch-Site": "cross-site"}).text
    client.post("/generate", json={"prompt": "a cat"})
    assert 'data-draws="later"' in client.get("/").text


def test_the_view_begins_with_few_steps_and_names_the_models_own(client: httpx.Client, engine: Engine) -> None:
    def steps(own: int, least: int) -> str:
        limits = working.MODEL["limits"] | {"least_steps": {"ddim": least}}
        working.announce(engine, defaults=working.MODEL["defaults"] | {"steps": own}, limits=limits)
        (field,) = re.findall(r'<input type="number" name="steps" value="(\d+)"', client.get("/").text)
        return str(field)

    assert [steps(50, 1), steps(4, 1), steps(50, 20)] == ["10", "4", "20"]
    assert "The model&#39;s own: 50" in client.get("/").text
