import re
from pathlib import Path

import pytest
from PIL import Image

from sepme_core.demo import MODEL_FOLDER
from sepme_core.evaluation.judge import Verdict, load_judge
from tests.documents import CHECKOUT, blocks


def test_the_notebook_erases_and_restores_in_its_own_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = blocks("docs/notebook.md", "python")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "docs/notebook.md", "exec"), {"__name__": "notebook"})
    pictures = [Image.open(tmp_path / name) for name in ("without-sepia.png", "restored.png")]
    without, restored = load_judge(MODEL_FOLDER / "judge").look_at(pictures)
    assert restored == Verdict("cat", "sepia")
    assert without.object == "cat"
    assert without.look != "sepia"


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/certificate.md"])
def test_every_file_that_a_page_names_is_there(page: str) -> None:
    text = (CHECKOUT / page).read_text(encoding="utf-8")
    named = re.findall(r"`((?:app|worker|sepme|sepme_core|tests|docs|deploy|benchmarks)/[\w./-]*)`", text)
    linked = [(CHECKOUT / page).parent / link for link in re.findall(r"\]\(([^)#:]+)\)", text)]
    missing = [name for name in named if not (CHECKOUT / name).exists()] + [str(at) for at in linked if not at.exists()]
    assert missing == []


def test_what_the_page_on_the_house_says_where_to_find_is_there() -> None:
    page = (CHECKOUT / "docs/architecture.md").read_text(encoding="utf-8")
    places = re.findall(r"^\| [^|]*\? \| `(\w+)`, `([\w/]+\.py)`", page, re.MULTILINE)
    assert len(places) >= 6
    for name, file in places:
        assert re.search(rf"^(async )?(def|class) {name}\b", (CHECKOUT / file).read_text(), re.MULTILINE), (name, file)
