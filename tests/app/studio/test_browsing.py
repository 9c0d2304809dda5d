"""What every page of the studio does, in a real browser: the key, the frame, word from the service."""

from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, ViewportSize, expect
from sqlalchemy import Engine

from app.studio.pages import VIEWS
from tests.app import working
from tests.app.running import RunningService
from tests.app.studio.browser import LOOKS, Scheme, barriers, keep, looking, overflows

pytestmark = pytest.mark.slow


def test_the_key_is_asked_once_kept_in_the_tab_and_never_in_an_address(
    browser: Browser, service: RunningService, client: httpx.Client, model: None
) -> None:
    del model
    key = client.post("/keys", json={"name": "ops", "scopes": ["admin"]}).json()["key"]
    with looking(browser) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(service.url)
        expect(page.get_by_role("heading", name="This service asks for a key")).to_be_visible()
        assert barriers(page) == []
        page.get_by_label("Your key").fill("sepme_wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_text("The service knows no such key.")).to_be_visible()
        page.get_by_label("Your key").fill(key)
        page.keyboard.press("Enter")
        expect(page.get_by_role("textbox", name="Prompt", exact=True)).to_be_visible()
        page.reload()
        expect(page.get_by_role("textbox", name="Prompt", exact=True)).to_be_visible()
        assert page.context.cookies() == []
        assert not any(key in address for address in asked)
        with page.context.new_page() as another_tab:
            another_tab.goto(service.url)
            expect(another_tab.get_by_label("Your key")).to_be_visible()
        page.get_by_role("button", name="Forget key").click()
        expect(page.get_by_label("Your key")).to_be_visible()


@pytest.mark.parametrize("path", [f"/{path}" for _, path, _, _ in VIEWS])
def test_without_javascript_a_page_can_be_read(
    browser: Browser, service: RunningService, model: None, path: str
) -> None:
    del model
    with looking(browser, java_script_enabled=False) as page:
        page.goto(service.url + path)
        expect(page.get_by_role("navigation", name="Views")).to_be_visible()
        assert page.get_by_role("main").inner_text().strip()


def test_what_is_away_is_said_and_the_page_goes_on_by_itself(
    browser: Browser, service: RunningService, engine: Engine
) -> None:
    with looking(browser) as page:
        page.goto(service.url)
        word = page.locator("#availability")
        expect(word).to_contain_text("No worker runs. This page goes on by itself.")
        expect(word).to_contain_text("sepme serve")
        expect(page.get_by_label("Steps")).to_have_count(0)
        assert barriers(page) == []
        working.announce(engine)
        expect(page.get_by_label("Steps")).to_be_visible()
        page.context.set_offline(True)
        expect(word).to_contain_text("The service does not answer")
        page.context.set_offline(False)
        expect(word).not_to_contain_text("The service does not answer")


@pytest.mark.parametrize(("name", "viewport", "scheme"), LOOKS, ids=[name for name, _, _ in LOOKS])
def test_what_stands_in_the_frame_alone_can_be_read_in_every_look(
    browser: Browser,
    service: RunningService,
    client: httpx.Client,
    shots: Path,
    name: str,
    viewport: ViewportSize,
    scheme: Scheme,
) -> None:
    with looking(browser, viewport, scheme) as page:
        page.goto(service.url)
        expect(page.locator("#availability")).to_be_visible()
        keep(page, shots, f"away-{name}")
        assert not overflows(page)
        client.post("/keys", json={"name": "ops", "scopes": ["admin"]}).raise_for_status()
        page.reload()
        expect(page.get_by_label("Your key")).to_be_visible()
        expect(page.locator("#availability")).to_be_visible()
        keep(page, shots, f"key-{name}")
        assert barriers(page) == []
        assert not overflows(page)
