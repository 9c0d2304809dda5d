"""The first view with keys, in a real browser, on a worker that draws plain squares at once."""

from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect
from sqlalchemy import Engine

from sepme_core.registry.blobs import Blobs
from tests.app import working
from tests.app.running import RunningService
from tests.app.studio.browser import LOOKS, Scheme, barriers, keep, looking, overflows

pytestmark = pytest.mark.slow


@pytest.fixture
def erased(client: httpx.Client, engine: Engine, blobs: Blobs, model: None) -> str:
    del model
    working.erase(engine, blobs, client.post("/concepts/van-gogh/erase", json={"kind": "style"}).json()["id"])
    return "van-gogh"


def key(client: httpx.Client, *scopes: str, floor: str | list[str] = "none") -> str:
    """The first key, for everything, makes the one that is used."""
    admin = client.post("/keys", json={"name": "ops", "scopes": ["admin"]}).json()["key"]
    body = {"name": "shop", "scopes": list(scopes), "floor": floor}
    answer = client.post("/keys", json=body, headers={"Authorization": f"Bearer {admin}"})
    return str(answer.json()["key"])


def enter(page: Page, service: RunningService, key: str) -> None:
    page.goto(service.url)
    page.get_by_label("Your key").fill(key)
    page.keyboard.press("Enter")
    expect(page.locator("[data-holder=shop]")).to_be_visible()


def test_pictures_are_fetched_with_the_key(
    browser: Browser, service: RunningService, client: httpx.Client, engine: Engine, blobs: Blobs, erased: str
) -> None:
    del erased
    with working.working(engine, blobs), looking(browser) as page:
        enter(page, service, key(client, "generate", "mask:choose"))
        expect(page.locator(".pictures img:not([hidden])")).to_have_count(3)
        assert all(
            source.startswith("blob:")
            for source in page.locator(".pictures img").evaluate_all("all => all.map(image => image.src)")
        )
        assert "$SEPME_KEY" in page.locator("#code-curl").inner_text()
        assert barriers(page) == []


def test_a_key_with_a_floor_sees_no_picture_below_it(
    browser: Browser, service: RunningService, client: httpx.Client, engine: Engine, blobs: Blobs, erased: str
) -> None:
    with working.working(engine, blobs), looking(browser) as page:
        enter(page, service, key(client, "generate", floor="active"))
        expect(page.locator(".pictures img:not([hidden])")).to_have_count(1)
        expect(page.get_by_text(f"Pictures of your key always lack: {erased}.")).to_be_visible()
        expect(page.get_by_role("checkbox", name=erased)).to_be_disabled()


def test_the_page_waits_with_its_first_picture_while_others_wait_for_theirs(
    browser: Browser, service: RunningService, client: httpx.Client, engine: Engine, blobs: Blobs, model: None
) -> None:
    del model
    client.post("/generate", json={"prompt": "a dog"}).raise_for_status()
    with looking(browser) as page:
        page.goto(service.url)
        expect(page.get_by_text("Others' pictures are drawn first.").first).to_be_visible()
        assert len(client.get("/jobs").json()["items"]) == 1
        with working.working(engine, blobs):
            expect(page.locator(".pictures img:not([hidden])")).to_have_count(3)


def test_a_refusal_is_said_where_the_picture_would_be(
    browser: Browser, service: RunningService, client: httpx.Client, engine: Engine, model: None
) -> None:
    del model
    with looking(browser) as page:
        page.goto(service.url)
        working.eventually(lambda: client.get("/jobs").json()["items"])
        (job,) = client.get("/jobs").json()["items"]
        problem = {
            "type": "/problems/generation-failed",
            "title": "Not drawn",
            "status": 500,
            "detail": "<b>Too warm.</b>",
        }
        working.fail(engine, job["id"], **problem)
        expect(page.locator("[data-choice=least] [data-said]")).to_have_text("Not drawn. <b>Too warm.</b>")
        assert barriers(page) == []


def test_what_was_erased_since_the_page_came_counts_at_the_next_drawing(
    browser: Browser, service: RunningService, client: httpx.Client, engine: Engine, blobs: Blobs, model: None
) -> None:
    del model
    with working.working(engine, blobs), looking(browser) as page:
        page.goto(service.url)
        expect(page.locator(".pictures img:not([hidden])")).to_have_count(3)
        client.post("/concepts/hokusai/erase", json={"kind": "style"}, headers={"Prefer": "wait=10"})
        page.get_by_role("button", name="Draw", exact=True).click()
        expect(page.locator("[data-choice=active] [data-mask]")).to_have_text("hokusai v1")
        expect(page.get_by_role("checkbox", name="hokusai")).to_be_checked()


@pytest.mark.parametrize(("name", "viewport", "scheme"), LOOKS, ids=[name for name, _, _ in LOOKS])
def test_many_concepts_and_long_words_fit(
    browser: Browser,
    service: RunningService,
    client: httpx.Client,
    engine: Engine,
    blobs: Blobs,
    model: None,
    shots: Path,
    name: str,
    viewport: ViewportSize,
    scheme: Scheme,
) -> None:
    del model
    for concept in ("van-gogh", "hokusai", 64 * "w", "monet", "banksy", "klimt", "munch", "vermeer", "frida-kahlo"):
        body = {"kind": "style", "irrevocable": concept == "banksy"}
        working.erase(engine, blobs, client.post(f"/concepts/{concept}/erase", json=body).json()["id"])
    client.delete("/concepts/monet").raise_for_status()
    client.post("/concepts/rothko/erase", json={"kind": "style"}).raise_for_status()
    with looking(browser, viewport, scheme) as page:
        enter(page, service, key(client, "generate", "mask:choose", floor=["hokusai"]))
        with working.working(engine, blobs):
            expect(page.locator(".pictures img:not([hidden])")).to_have_count(3)
        page.get_by_role("textbox", name="Prompt", exact=True).fill(300 * "x")
        expect(page.locator("li", has_text="banksy")).to_contain_text("erased for good")
        keep(page, shots, f"many-{name}")
        page.get_by_label("Find a concept").fill("ma")
        assert page.locator(".concepts li:visible").count() == 0
        page.get_by_label("Find a concept").fill("van")
        assert page.locator(".concepts li:visible").count() == 1
        assert barriers(page) == []
        assert not overflows(page)
