"""Write `docs/problems.md` from the catalogue: `python -m app.problems`."""

from pathlib import Path

from app.problems.catalogue import CATALOGUE

PAGE = Path(__file__).parents[2] / "docs" / "problems.md"

_OPENING = """\
# Problems

Every error is a problem document (RFC 9457, `application/problem+json`): `type` (a path below the service's root,
listed here and served at `GET /problems/{slug}`), `title`, `status`, `detail`, `remedy`, `instance` (the path that was
asked for). Fields that do not fit are listed under `errors`, each with its `location` (`body`, `path`, `query`,
`header`), a `detail`, and a JSON pointer into the body (`"pointer": "#/concepts/0/name"`) or the `name` of the
parameter or header.

A job that failed keeps its problem (`GET /jobs/{id}`, `problem`). Where `Prefer: wait` held the line, the answer **is**
that problem, with its own status and the path of the `job`. Below `/v1/` a problem also has the member `error` that
OpenAI's clients read.

Written by `python -m app.problems`; a test fails where this page and the program differ.

| type | status | title | remedy |
|---|---|---|---|
"""


def page() -> str:
    """The page as Markdown."""
    return _OPENING + "".join(
        f"| `{kind.uri}` | {kind.status} | {kind.title} | {kind.remedy} |\n" for kind in CATALOGUE
    )


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
