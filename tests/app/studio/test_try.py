"""The first view on a real service with the demo model, in a real browser. Screenshots are kept where `SHOTS` says."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect

from tests.app.studio.browser import LOOKS, PATIENCE, Scheme, barriers, keep, looking, overflows
from tests.sepme.service import CHECKOUT, Service, serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
FEW = "6"
"""Steps: enough to see what is drawn."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Service]:
    """One for all: nothing is erased until `erased` is asked for."""
    del browser  # without one nothing is started
    with serving(tmp_path_factory.mktemp("home"), OMP_NUM_THREADS="1") as service:
        yield service


@pytest.fixture(scope="module")
def erased(service: Service) -> str:
    job = service.post("/concepts/sepia/erase", {"kind": "style"}, wait=300)
    assert job["state"] == "succeeded"
    return "sepia"


def drawn(page: Page) -> None:
    """Wait until all pictures of the view are there."""
    script = "() => [...document.querySelectorAll('.pictures img')].every(each => !each.hidden && each.complete)"
    page.wait_for_function(f"{script} && !document.querySelector('.pictures [aria-busy]')", timeout=PATIENCE)


def link(service: Service, **asked: str) -> str:
    query = {"prompt": "a cat in sepia style", "seed": "7", "steps": FEW, **asked}
    return f"{service.address}/?" + "&".join(f"{name}={value}" for name, value in query.items())


def sources(page: Page) -> list[str]:
    """The pixels of the pictures that are shown."""
    return pixels(page.locator(".pictures img"))


def pixels(images: Locator) -> list[str]:
    script = """images => images.map(image => {
        const canvas = document.createElement("canvas");
        [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
        const context = canvas.getContext("2d");
        context.drawImage(image, 0, 0);
        return context.getImageData(0, 0, canvas.width, canvas.height).data.join();
    })"""
    found: list[str] = images.evaluate_all(script)
    return found


def test_the_page_draws_by_itself_and_the_second_visit_finds_the_picture(service: Service, browser: Browser) -> None:
    seen = []
    for _visit in range(2):
        with looking(browser) as page:
            page.goto(service.address)
            drawn(page)
            seen.append(sources(page))
            assert page.locator(".pictures img").first.evaluate("image => getComputedStyle(image).imageRendering") == (
                "pixelated"
            )
    assert seen[0] == seen[1]
    assert len(service.get("/jobs?kind=generate")["items"]) == 1


def test_the_same_noise_under_the_masks_and_the_requests_that_show_it(
    service: Service, browser: Browser, erased: str
) -> None:
    with looking(browser) as page:
        page.goto(link(service))
        drawn(page)
        nothing, active, chosen = sources(page)
        assert nothing != active
        assert active == chosen
        expect(page.locator("[data-choice=active] [data-mask]")).to_have_text(f"{erased} v1")
        page.get_by_role("checkbox", name=erased).uncheck()
        expect(page.get_by_text("Changed since the pictures were drawn.")).to_be_visible()
        expect(page.locator("[data-choice=chosen] [data-mask]")).to_have_text(f"{erased} v1")
        page.get_by_role("button", name="Draw", exact=True).click()
        expect(page.locator("[data-choice=chosen] [data-mask]")).to_have_text("no concept")
        drawn(page)
        assert sources(page) == [nothing, active, nothing]
        page.get_by_role("tab", name="JSON").click()
        bodies = json.loads(page.locator("#code-json").inner_text())
        assert [body["erased"] for body in bodies] == [[], "active"]
        answers = [service.post("/generate", body, wait=300) for body in bodies]
        assert [answer["result"]["mask"]["concepts"] != [] for answer in answers] == [False, True]


def test_the_lines_for_curl_and_python_run_as_they_stand(service: Service, browser: Browser, tmp_path: Path) -> None:
    with looking(browser) as page:
        page.goto(link(service, prompt='a cat, it\'s "quoted"'))
        drawn(page)
        lines = page.locator("#code-curl").inner_text().split("\n\n")[0]
        page.get_by_role("tab", name="Python").click()
        program = page.locator("#code-python").inner_text()
    subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(CHECKOUT)}, check=True
    )
    assert (tmp_path / "0.png").read_bytes().startswith(b"\x89PNG")
    answered = json.loads(subprocess.run(["bash", "-c", lines], capture_output=True, text=True, check=True).stdout)
    assert answered["request"]["prompt"] == 'a cat, it\'s "quoted"'
    assert answered["state"] == "succeeded"


def test_the_address_brings_the_same_picture_back(service: Service, browser: Browser, erased: str) -> None:
    with looking(browser) as page:
        page.goto(link(service, erased=""))
        drawn(page)
        page.get_by_role("checkbox", name=erased).check()
        page.get_by_role("spinbutton", name="Seed").fill("11")
        page.get_by_role("button", name="Draw", exact=True).click()
        page.wait_for_url(re.compile("seed=11"))
        drawn(page)
        address, shown = page.url, sources(page)
    asked = parse_qs(urlsplit(address).query)
    assert (asked["seed"], asked["erased"], asked["steps"]) == (["11"], [erased], [FEW])
    with looking(browser) as page:
        page.goto(address)
        drawn(page)
        assert sources(page) == shown
        assert page.get_by_text("changed since this link").count() == 0
        page.goto(re.sub("mask-active=[0-9a-f]+", "mask-active=000000000000", address))
        drawn(page)
        expect(page.locator("[data-choice=active]")).to_contain_text(
            "The concepts have changed since this link was made."
        )


def test_prompts_by_masks_are_a_table(service: Service, browser: Browser, shots: Path, erased: str) -> None:
    with looking(browser) as page:
        page.goto(link(service))
        drawn(page)
        page.get_by_text("Prompts × masks").click()
        page.get_by_label("Prompts, one a line").fill("a cat in sepia style\na fish in sepia style")
        page.get_by_label("Each chosen concept alone").check()
        page.get_by_role("button", name="Draw the grid").click()
        expect(page.locator("[data-grid] img:not([hidden])")).to_have_count(8, timeout=PATIENCE)
        assert page.locator("[data-grid] thead th").all_inner_texts() == [
            *("Prompt", "Nothing erased", "What is active", "Your choice"),
            erased,
        ]
        assert barriers(page) == []
        keep(page, shots, "try-grid")


def test_a_picture_that_is_dropped_brings_its_request_back(
    service: Service, browser: Browser, shots: Path, tmp_path: Path, erased: str
) -> None:
    body = {"prompt": "a fish in sepia style ✓", "seed": 3, "steps": int(FEW), "erased": [erased]}
    picture = service.post("/generate", body, wait=300)["result"]["images"][0]
    with service.client as client:
        (tmp_path / "fish.png").write_bytes(client.get(picture["url"]).content)
    with looking(browser) as page:
        page.goto(link(service))
        drawn(page)
        page.locator("[data-file]").set_input_files(tmp_path / "fish.png")
        found = page.locator("[data-found]")
        expect(found).to_contain_text("a fish in sepia style ✓")
        expect(found).to_contain_text(f"{erased}: version 1, which serves")
        expect(found).to_contain_text("Nothing of it was changed since it was signed. Signed by this service")
        keep(page, shots, "try-opened")
        assert barriers(page) == []
        found.get_by_role("button", name="Draw it again").click()
        page.wait_for_url(re.compile("seed=3"))
        drawn(page)
        assert sources(page)[-1] == pixels(found.locator("img"))[0]
        assert page.get_by_role("textbox", name="Prompt", exact=True).input_value() == "a fish in sepia style ✓"
        changed = bytearray((tmp_path / "fish.png").read_bytes())
        changed[changed.index(b"a fish") + 2] ^= 1
        (tmp_path / "changed.png").write_bytes(changed)
        page.locator("[data-file]").set_input_files(tmp_path / "changed.png")
        expect(found).to_contain_text("Its signature does not hold:")
        assert barriers(page) == []
        (tmp_path / "other.png").write_bytes(b"no picture at all")
        page.locator("[data-file]").set_input_files(tmp_path / "other.png")
        expect(found).to_contain_text("This is no PNG.")


def test_the_slider_is_moved_by_keys(service: Service, browser: Browser, erased: str) -> None:
    del erased
    with looking(browser) as page:
        page.goto(link(service))
        drawn(page)
        slider = page.get_by_role("slider")
        slider.focus()
        page.keyboard.down("ArrowRight")
        expect(slider).not_to_have_attribute("aria-valuenow", "50")
        page.keyboard.up("ArrowRight")


def test_drawing_goes_on_when_the_service_was_away(service: Service, browser: Browser) -> None:
    with looking(browser) as page:
        page.goto(link(service, steps="150", seed="99"))
        expect(page.get_by_text(re.compile("^Step [1-9]")).first).to_be_visible(timeout=PATIENCE)
        os.kill(service.pid("api"), signal.SIGKILL)
        expect(page.locator("#availability")).to_contain_text("The service does not answer", timeout=PATIENCE)
        drawn(page)
        expect(page.locator("#availability")).not_to_contain_text("The service does not answer", timeout=PATIENCE)


@pytest.mark.parametrize(("name", "viewport", "scheme"), LOOKS, ids=[name for name, _, _ in LOOKS])
def test_it_can_be_read_wide_and_narrow_light_and_dark(
    service: Service, browser: Browser, shots: Path, name: str, viewport: ViewportSize, scheme: Scheme, erased: str
) -> None:
    del erased
    with looking(browser, viewport, scheme) as page:
        page.goto(link(service))
        drawn(page)
        keep(page, shots, f"try-{name}")
        assert barriers(page) == []
        assert not overflows(page)
