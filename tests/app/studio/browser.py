"""A real Chromium that looks at a page, by playwright, and axe that looks for barriers."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

AXE = (Path(__file__).parent / "axe.min.js").read_text(encoding="utf-8")
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDE, NARROW = ViewportSize(width=1440, height=1000), ViewportSize(width=390, height=844)
Scheme = Literal["light", "dark"]
LOOKS: list[tuple[str, ViewportSize, Scheme]] = [
    ("wide-light", WIDE, "light"),
    ("wide-dark", WIDE, "dark"),
    ("narrow-light", NARROW, "light"),
    ("narrow-dark", NARROW, "dark"),
]
PATIENCE = 120_000


def chromium() -> str | None:
    """Where the system's Chromium is; `CHROMIUM` names another. None is downloaded."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def browsing() -> Iterator[Browser]:
    """A browser; skips the test, with the reason, where there is none."""
    program = chromium()
    if program is None:
        pytest.skip(f"no Chromium: none of {', '.join(NAMES)} is on the path, and CHROMIUM names none")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def looking(
    browser: Browser, viewport: ViewportSize = WIDE, scheme: Scheme = "light", **context: Any
) -> Iterator[Page]:
    """A page in a context of its own; fails on what the browser complains of, refused scripts and styles included."""
    opened = browser.new_context(viewport=viewport, color_scheme=scheme, reduced_motion="reduce", **context)
    opened.set_default_timeout(PATIENCE)
    page = opened.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if _is_ours(said.type, said.text) else None)
    try:
        yield page
    finally:
        opened.close()
    assert not complaints, complaints


def _is_ours(kind: str, text: str) -> bool:
    """Whether it is an error of the page; what answers came, and that none did, is the service's to say."""
    return kind == "error" and not any(said in text for said in ("Failed to load resource", "Failed to fetch"))


def barriers(page: Page) -> list[str]:
    """What axe finds, in words: rule and place."""
    page.evaluate(AXE)
    found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    return [f"{each['id']}: {node['html'][:200]}" for each in found["violations"] for node in each["nodes"]]


def overflows(page: Page) -> bool:
    """Whether the page is wider than the window."""
    return bool(page.evaluate("() => document.documentElement.scrollWidth > document.documentElement.clientWidth"))


def keep(page: Page, folder: Path, name: str) -> None:
    """Keep a screenshot of the whole page."""
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=folder / f"{name}.png", full_page=True)
