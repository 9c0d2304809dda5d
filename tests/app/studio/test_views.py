"""The views as a user works with them: a real browser before a whole service, `sepme serve`, on the demo model."""

import io
import os
import re
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from sepme_core.demo import MODEL_FOLDER
from sepme_core.evaluation.judge import Verdict, load_judge
from tests.app.studio.browser import LOOKS, barriers, keep, looking, overflows
from tests.sepme.service import Service, serving

pytestmark = pytest.mark.slow

STYLE = "mosaic"
PATIENCE_MILLISECONDS = 30_000
VIEWS = {
    "concepts": "/studio/concepts",
    "concept": f"/studio/concepts/{STYLE}",
    "jobs": "/studio/jobs",
    "audit": "/studio/audit",
    "keys": "/studio/keys",
}
OPEN = "() => document.querySelectorAll('details').forEach((each) => each.open = true)"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("home")) as service:
        yield service


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    """Workers take their time to draw."""
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    yield
    expect.set_options(timeout=None)


def seen(page: Page, images: str) -> list[Verdict]:
    """What the demo model's judge sees in the pictures that stand in the page."""
    read = "image => fetch(image.src).then(answer => answer.arrayBuffer()).then(data => [...new Uint8Array(data)])"
    files = [image.evaluate(read) for image in page.locator(images).all()]
    judge = load_judge(MODEL_FOLDER / "judge")
    return judge.look_at([Image.open(io.BytesIO(bytes(file))).convert("RGB") for file in files])


def test_a_style_is_erased_by_clicking_and_its_curve_is_drawn(browser: Browser, service: Service) -> None:
    with looking(browser) as page:
        page.goto(service.address + VIEWS["concepts"])
        page.get_by_label("Name", exact=False).first.fill(STYLE)
        page.get_by_label("Kind").select_option("style")
        page.get_by_label("Case").first.fill("CR-2231")
        foreseen = page.locator("[data-preview]")
        expect(foreseen).to_contain_text("A worker makes it.")
        expect(foreseen).to_contain_text("No other increment has to be made again.")
        expect(foreseen).not_to_contain_text("Not drawn?")
        page.get_by_text("More", exact=True).click()
        page.get_by_label("Begin with").select_option("zero")
        page.get_by_role("button", name="Erase", exact=True).click()
        page.wait_for_url("**/studio/concepts/*")
        work = page.locator("job-follow")
        expect(work.locator("figcaption")).to_contain_text("momentum")
        expect(work.locator("canvas")).to_be_visible()
        assert float(work.get_by_role("progressbar").evaluate("bar => bar.value")) > 0
        expect(page.locator("h1 + .chip")).to_have_text("erased")
        expect(work).to_have_count(0)
        expect(page.get_by_text("It is forgotten: with the increment")).to_be_visible()
        expect(page.locator("img-comparison-slider.rendered img")).to_have_count(2)
        before, after = (seen(page, f".two img:nth-child({place})") for place in (1, 2))
        assert {each.look for each in before} == {STYLE}
        assert STYLE not in {each.look for each in after}
        kept = [(one.object, other.object) for one, other in zip(before, after, strict=True)]
        assert sum(one == other is not None for one, other in kept) >= 2, kept
        assert page.locator("img-comparison-slider img.small").count() == 2


def test_what_cannot_be_drawn_is_warned_of_and_then_refused_with_its_remedy(browser: Browser, service: Service) -> None:
    with looking(browser) as page:
        page.goto(service.address + VIEWS["concepts"])
        page.get_by_text("Erase a concept").click()
        page.get_by_label("Name", exact=False).first.fill("zzgrblx-mosaic")
        foreseen = page.locator("[data-preview]")
        expect(foreseen).to_contain_text("Too close? It shares “mosaic” with the concept “mosaic”.")
        expect(foreseen).to_contain_text("Made again afterwards, so that they leave it alone: mosaic.")
        page.get_by_label("How it is said").fill("zzgrblx")
        expect(foreseen).to_contain_text("Not drawn?")
        page.get_by_role("button", name="Erase", exact=True).click()
        expect(page.get_by_role("heading", name="Its last erasure failed")).to_be_visible()
        expect(page.locator(".problem")).to_contain_text("send override: true to erase it all the same")


def test_versions_are_compared_by_their_pixels(browser: Browser, service: Service) -> None:
    service.post("/concepts/cat/erase", {"kind": "object"}, wait=120)
    with looking(browser) as page:
        page.goto(service.address + VIEWS["concept"])
        expect(page.get_by_text("Version 2")).to_be_visible()
        page.get_by_role("button", name="Compare their pictures").click()
        said = page.locator("[data-version='2'] figcaption").first
        expect(said).to_have_text(re.compile(r"Changed by [\d.]+ of 255 in the mean|The same pixels"))
        expect(page.locator("[data-version='1'] figcaption").first).to_contain_text("The first of its prompt")
        with page.expect_download() as download:
            page.get_by_role("link", name="Bundle").click()
        assert "certificate.json" in str(ZipFile(download.value.path()).namelist())


def test_who_touches_whom_can_be_walked_by_the_keyboard(browser: Browser, service: Service) -> None:
    with looking(browser) as page:
        page.goto(service.address + VIEWS["concepts"])
        page.locator(".heat td[tabindex='0']").focus()
        expect(page.locator("[data-readout]")).to_have_text("cat itself.")
        page.keyboard.press("ArrowRight")
        expect(page.locator("[data-readout]")).to_have_text(
            re.compile(r"cat moves mosaic by .* on its listed sentences")
        )
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowLeft")
        expect(page.locator("[data-readout]")).to_contain_text("mosaic moves cat by")
        listed = page.locator(".heat td:focus").inner_text()
        page.get_by_label("Other wordings").check()
        assert page.locator(".heat td[tabindex='0']").inner_text() != listed


@pytest.mark.parametrize("look", LOOKS, ids=[name for name, _, _ in LOOKS])
def test_each_view_reads_well_wide_and_narrow_light_and_dark(
    browser: Browser, service: Service, shots: Path, look: Any
) -> None:
    name, viewport, scheme = look
    with looking(browser, viewport, scheme) as page:
        for view, path in VIEWS.items():
            page.goto(service.address + path)
            page.wait_for_load_state("networkidle")
            keep(page, shots, f"{view}-{name}")
            page.evaluate(OPEN)
            keep(page, shots, f"{view}-{name}-opened")
            assert barriers(page) == [], view
            assert not overflows(page), view


def test_restoring_says_first_what_it_does_and_the_style_is_drawn_again(browser: Browser, service: Service) -> None:
    with looking(browser) as page:
        page.goto(service.address + VIEWS["concept"])
        page.get_by_text("Restore it").click()
        expect(page.get_by_text("Pictures that were asked for before keep the mask")).to_be_visible()
        part = page.locator("details", has_text="Restore it")
        part.get_by_label("Case").fill("CR-2240")
        page.get_by_role("button", name=f"Restore {STYLE}").click()
        expect(page.locator("h1 + .chip")).to_have_text("restored")
        expect(page.locator("[data-preview]")).to_contain_text("What is stored serves again at once")
        service.post("/generate", {"prompt": f"a banana in {STYLE} style", "seed": 1}, wait=60)
        page.goto(service.address + VIEWS["jobs"])
        expect(page.locator(".pictures img.small").first).to_be_visible()
        assert [each.look for each in seen(page, "li:first-child .pictures img")] == [STYLE]
        page.goto(f"{service.address}{VIEWS['audit']}?case=CR-2240")
        expect(page.locator("tbody tr")).to_have_count(1)
        expect(page.locator("tbody tr")).to_contain_text("mosaic restored")
        expect(page.locator("#chain")).to_contain_text("The chain holds")


def send(number: signal.Signals, processes: list[int]) -> None:
    """Send a signal; whoever supervises them may have ended them already."""
    for each in processes:
        with suppress(ProcessLookupError):
            os.kill(each, number)


def test_what_is_killed_is_said_and_the_page_goes_on_by_itself(browser: Browser, service: Service) -> None:
    with looking(browser) as page:
        page.goto(service.address + VIEWS["jobs"])
        word = page.locator("#availability")
        for said in (
            {
                "worker-generate": "No worker draws: none was seen",
                "broker": "The broker is not all well: the broker does not answer",
            },
            {"api": "The service does not answer"},
        ):
            frozen = [service.pid(child) for child in said]
            send(signal.SIGSTOP, frozen)
            for words in said.values():
                expect(word).to_contain_text(words)
            expect(word).to_contain_text("This page goes on by itself.")
            send(signal.SIGKILL, frozen)
            expect(word).to_be_hidden(timeout=2 * PATIENCE_MILLISECONDS)
        job = service.post("/generate", {"prompt": "a cat", "steps": 2, "erased": []})["id"]
        expect(page.locator(f"#job-{job} .chip")).to_have_text("succeeded")


def test_a_waiting_job_tells_its_place_and_is_cancelled_by_clicking(browser: Browser, service: Service) -> None:
    os.kill(service.pid("worker-generate"), signal.SIGSTOP)
    jobs = [service.post("/generate", {"prompt": "a cat", "seed": seed, "erased": []})["id"] for seed in (1, 2)]
    with looking(browser) as page:
        page.goto(service.address + VIEWS["jobs"])
        last = page.locator(f"#job-{jobs[1]}")
        expect(last).to_contain_text("number 2 in its queue")
        last.get_by_role("button", name="Cancel").click()
        expect(last.locator(".chip")).to_have_text("cancelled")
    os.kill(service.pid("worker-generate"), signal.SIGCONT)


def test_keys_are_made_shown_once_used_and_revoked(browser: Browser, service: Service) -> None:
    """The last of them: with the first key the service closes."""
    with looking(browser) as page:
        page.goto(service.address + VIEWS["keys"])
        page.get_by_label("Name").fill("ops")
        page.get_by_role("button", name="Make the key").click()
        key = page.locator(".secret code").inner_text()
        assert key.startswith("sepme_")
        page.get_by_role("button", name="Use it in this tab").click()
        expect(page.get_by_role("row", name="ops")).to_contain_text("admin")
        expect(page.locator(".secret")).to_have_count(0)
        page.get_by_text("Make a key").click()
        page.get_by_label("Name").fill("shop")
        page.get_by_label("Pictures a minute").fill("60")
        page.get_by_role("button", name="Make the key").click()
        expect(page.get_by_role("row", name="shop")).to_contain_text("60 pictures a minute")
        shop = page.locator(".secret code").inner_text()
        page.get_by_role("row", name="shop").get_by_role("button", name="New secret").click()
        page.get_by_role("button", name="Give it a new secret").click()
        expect(page.locator(".secret code")).not_to_have_text(shop)
        assert barriers(page) == []
        page.goto(service.address + VIEWS["concept"])
        expect(page.locator("img-comparison-slider.rendered img")).to_have_count(2)
        with page.expect_download() as download:
            page.get_by_role("link", name="Attestation").click()
        assert download.value.suggested_filename == f"{STYLE}-attestation.json"
        page.goto(service.address + VIEWS["keys"])
        page.get_by_role("row", name="shop").get_by_role("button", name="Revoke").click()
        page.get_by_role("button", name="Revoke it").click()
        expect(page.get_by_role("row", name="shop")).to_contain_text("revoked")
