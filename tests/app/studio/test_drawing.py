"""The first view with keys, in a real browser, on a worker that draws plain squares at once."""

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine

from sepme_core.registry.blobs import Blobs
from tests.app import working
from tests.app.running import RunningService
from tests.app.studio.browser import barriers, looking

pytestmark = pytest.mark.slow


@pytest.fixture
def erased(client: httpx.Client, engine: Engine, blobs: Blobs, model: None) -> str:
    del model
    working.erase(engine, blobs, client.post("/concepts/van-gogh/erase", json={"kind": "style"}).json()["id"])
    return "van-gogh"


def key(client: httpx.Client, *scopes: str, floor: str = "none") -> str:
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
