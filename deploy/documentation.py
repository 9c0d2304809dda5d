"""Hooks of mkdocs: what the site has beside the pages of `docs/`. `make docs` builds it.

Files of the checkout that pages link to are pages too. Formulas become drawings in the page, which need neither a
script nor a font of the reader's. The page on HTTP gets every call out of `docs/openapi.json`.
"""

import html
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from ziamath.config import config as drawing
from ziamath.zmath import Latex

from app.pages import describe_call, describe_document

CHECKOUT = Path(__file__).parents[1]
ELSEWHERE = {
    "README.md": "start.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "weakness.md",
    "sepme_core/demo/model/README.md": "demo-model.md",
}
"""Pages that lie outside of `docs/`, by their path in the checkout, and what they are called in the site."""
SOURCES = {page: source for source, page in ELSEWHERE.items()}
CALLS = "http.md"
LINK = re.compile(r"\[([^\]]*)\]\(([^)#:\s]+)((?:#[^)\s]*)?)\)")
FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)
FORMULA_PIXELS = 20
"""The size that formulas are drawn at; shown at that of the text around them."""
drawing.svg2 = False  # glyphs as paths: as symbols, those of two formulas have one id
drawing.precision = 2


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie elsewhere."""
    for source, page in ELSEWHERE.items():
        files.append(File.generated(config, page, abs_src_path=str(CHECKOUT / source)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """A page with its links as they are in the site; that on HTTP with all calls."""
    del config, files
    name = page.file.src_uri
    source = PurePosixPath(SOURCES.get(name, f"docs/{name}"))
    linked = LINK.sub(lambda link: _in_site(source.parent, *link.groups()), markdown)
    return f"{linked}\n{calls()}" if name == CALLS else linked


def _in_site(folder: PurePosixPath, words: str, target: str, anchor: str) -> str:
    """A link of a page in this folder of the checkout, as the site has it: with a page's title for its file's name."""
    path = normpath(folder / target)
    if (CHECKOUT / path).exists() and path not in ELSEWHERE and not path.startswith("docs/"):
        return words  # a file of the checkout that is no page
    place = ELSEWHERE.get(path, path.removeprefix("docs/"))
    titled = words in {target, path} and place.endswith(".md") and (CHECKOUT / path).is_file()
    return f"[{_title(CHECKOUT / path) if titled else words}]({place}{anchor})"


def _title(page: Path) -> str:
    (title,) = re.findall(r"^# (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)[:1]
    return str(title)


def on_page_content(content: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """The formulas of a page as drawings, each with its LaTeX as what is read aloud."""
    del page, config, files
    return FORMULA.sub(_formula, content)


def _formula(found: re.Match[str]) -> str:
    element, latex = found[1], html.unescape(found[2]).strip()
    drawn = Latex(latex, size=FORMULA_PIXELS, inline=element == "span", color="currentColor").svg()
    box = re.search(r'viewBox="\S+ (\S+) (\S+) (\S+)"', drawn)
    assert box is not None
    top, width, height = (float(number) / FORMULA_PIXELS for number in box.groups())
    style = f"width:{width:.3f}em;height:{height:.3f}em;vertical-align:{-(top + height):.3f}em"
    said = f'role="img" aria-label="{html.escape(latex)}"'
    return f'<{element} class="formula"><svg {said} style="{style}" {drawn[box.start() :]}</{element}>'


def calls() -> str:
    """Every call, then every document, as Markdown with tables of HTML."""
    document = json.loads((CHECKOUT / "docs" / "openapi.json").read_text(encoding="utf-8"))
    return "\n\n".join(_calls(document))


def _calls(document: Mapping[str, Any]) -> Iterator[str]:
    section = ""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if operation["tags"][0] != section:
                section = operation["tags"][0]
                yield f"## {section.capitalize()}"
            yield f"### `{method.upper()} {path}` {{: #{operation['operationId']} }}"
            yield describe_call(method.upper(), path, operation, document)
    yield "## Documents"
    for name, schema in document["components"]["schemas"].items():  # so many, that they are not in the page's own list
        yield f'<h3 id="{name}"><code>{name}</code></h3>'
        yield describe_document(schema)
