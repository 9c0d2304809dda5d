"""The documentation as a site: every page has its place, every link holds, and nothing comes from another host."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import yaml

from tests.documents import CHECKOUT

LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href", "object": "data"}
"""Which attribute of an element names what a browser fetches without being asked."""
SOURCES = (
    "docs",
    "deploy",
    "sepme_core/demo/model/README.md",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
)


@dataclass
class Read(HTMLParser):
    """What one page of the site names."""

    ids: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        if "id" in named:
            self.ids.add(named["id"])
        if tag == "a" and "href" in named:
            self.links.append(named["href"])
        if LOADED.get(tag) in named and named.get("rel") not in {"canonical", "next", "prev"}:
            self.loaded.append(named[LOADED[tag]])


def build(checkout: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """Build the site of a checkout by its own configuration."""
    command = (sys.executable, "-m", "mkdocs", "build", "--site-dir", str(site))
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "NO_COLOR": "1", "PYTHONPATH": path_with(CHECKOUT)}
    return subprocess.run(command, cwd=checkout, env=environment, text=True, capture_output=True, check=False)


def path_with(folder: Path) -> str:
    return os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("site")
    done = build(CHECKOUT, place)
    assert done.returncode == 0, done.stdout + done.stderr
    return place


@pytest.fixture(scope="module")
def pages(site: Path) -> Mapping[str, Read]:
    read = {}
    for file in site.rglob("*.html"):
        page = Read()
        page.feed(file.read_text(encoding="utf-8"))
        read[file.relative_to(site).as_posix()] = page
    return read


def navigation(entry: Any) -> Iterator[str]:
    """The pages of a navigation, in its order."""
    if isinstance(entry, str):
        yield entry
    else:
        for inner in entry if isinstance(entry, list) else entry.values():
            yield from navigation(inner)


def test_every_page_of_the_documentation_stands_in_the_navigation_once() -> None:
    listed = list(navigation(yaml.safe_load((CHECKOUT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]))
    assert len(listed) == len(set(listed))
    assert {page.name for page in (CHECKOUT / "docs").glob("**/*.md")} <= set(listed)


@pytest.mark.slow
def test_every_link_and_every_anchor_of_the_site_is_there(site: Path, pages: Mapping[str, Read]) -> None:
    broken = []
    for name, page in pages.items():
        if name == "404.html":  # served at any depth: its links begin at the root
            continue
        for link in map(urlsplit, page.links + page.loaded):
            target = (site / name).parent / unquote(link.path) if link.path else site / name
            within = target.resolve().relative_to(site.resolve()).as_posix() if not link.netloc else ""
            gone = not link.scheme and not target.exists()
            lost = link.fragment and within in pages and link.fragment not in pages[within].ids | {"__top"}
            broken += [f"{name}: {link.geturl()}"] if not link.netloc and (gone or lost) else []
    assert broken == []
    assert sum(len(page.links) for page in pages.values()) > 1000


@pytest.mark.slow
def test_nothing_in_the_site_is_loaded_from_another_host(site: Path, pages: Mapping[str, Read]) -> None:
    fetched = [address for page in pages.values() for address in page.loaded]
    assert len(fetched) > len(pages)
    assert [address for address in fetched if urlsplit(address).netloc] == []
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*[\"']?(https?:)?//", sheet.read_text(encoding="utf-8")), sheet.name
    text = "".join((site / name).read_text(encoding="utf-8") for name in pages)
    assert not re.search(r'class="mermaid|data-md-source|@import', text)  # for these the theme's script asks elsewhere


@pytest.mark.slow
def test_formulas_need_neither_script_nor_font(site: Path) -> None:
    text = (site / "method.html").read_text(encoding="utf-8")
    formulas = re.findall(r'class="formula"><svg role="img" aria-label="([^"]+)"', text)
    assert len(formulas) > 30
    assert any("epsilon_\\theta(x_t, c_\\emptyset, t)" in latex for latex in formulas)
    assert not re.search(r"arithmatex|\$\$|\\\(", text)


@pytest.mark.slow
def test_every_call_and_every_document_has_its_place(pages: Mapping[str, Read]) -> None:
    contract = json.loads((CHECKOUT / "docs" / "openapi.json").read_text(encoding="utf-8"))
    calls = {operation["operationId"] for path in contract["paths"].values() for operation in path.values()}
    assert len(calls) > 30
    assert calls | set(contract["components"]["schemas"]) <= pages["http.html"].ids


@pytest.mark.slow
def test_a_link_of_a_page_to_a_file_is_shown_by_its_title(site: Path) -> None:
    assert '<a href="contributing.html">Contributing</a>' in (site / "architecture.html").read_text(encoding="utf-8")
    assert '<a href="security.html">Who may do what</a>' in (site / "weakness.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_what_is_broken_is_an_error(tmp_path: Path) -> None:
    for source in ("mkdocs.yml", *SOURCES):
        copied = tmp_path / source
        copied.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (CHECKOUT / source).is_dir() else shutil.copy)(CHECKOUT / source, copied)
    (tmp_path / "docs" / "index.md").write_text("# Index\n\n[a](nowhere.md) [b](settings.md#nowhere) [c](/docs)\n")
    (tmp_path / "docs" / "forgotten.md").write_text("# Forgotten\n")
    done = build(tmp_path, tmp_path / "site")
    assert done.returncode == 1
    said = [line for line in done.stderr.splitlines() if line.startswith("WARNING") or "forgotten.md" in line]
    for fault in ("'nowhere.md'", "'#nowhere'", "'/docs'", "forgotten.md"):
        assert any(fault in line for line in said), (fault, done.stderr)
