import os
import re
import sqlite3
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from sepme_core.demo import MODEL_FOLDER
from sepme_core.evaluation.judge import Verdict, load_judge
from tests.documents import CHECKOUT, blocks

PAGES = sorted(path.relative_to(CHECKOUT).as_posix() for path in (*CHECKOUT.glob("*.md"), *CHECKOUT.glob("docs/*.md")))


def test_the_notebook_erases_and_restores_in_its_own_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = blocks("docs/notebook.md", "python")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "docs/notebook.md", "exec"), {"__name__": "notebook"})
    pictures = [Image.open(tmp_path / name) for name in ("without-sepia.png", "restored.png")]
    without, restored = load_judge(MODEL_FOLDER / "judge").look_at(pictures)
    assert restored == Verdict("cat", "sepia")
    assert without.object == "cat"
    assert without.look != "sepia"


@pytest.mark.parametrize("page", PAGES)
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


def test_every_module_that_the_page_on_the_house_speaks_of_is_there() -> None:
    named = re.findall(r"`([a-z_]+\.py)`", (CHECKOUT / "docs/architecture.md").read_text(encoding="utf-8"))
    modules = {
        path.name for room in ("app", "worker", "sepme_core", "sepme") for path in (CHECKOUT / room).rglob("*.py")
    }
    assert len(named) > 30
    assert set(named) <= modules


def test_the_readme_shows_a_picture_and_points_at_every_page() -> None:
    linked = set(re.findall(r"\]\(([^)#:]+)\)", (CHECKOUT / "README.md").read_text(encoding="utf-8")))
    apart = {"docs/index.md", "README.md", "ARCHITECTURE.md"}
    assert {"docs/before-after.png", *PAGES} - apart <= linked


def test_a_backup_by_the_lines_of_its_page_has_what_was_written_last(tmp_path: Path) -> None:
    home, backup = tmp_path / "home", tmp_path / "backup"
    for file in ("audit-heads.txt", "blobs/ab/cdef", "signing/leaf.pem", "logs/api.log"):
        (home / file).parent.mkdir(parents=True, exist_ok=True)
        (home / file).write_text(file)
    taking, _trying = blocks("docs/backups.md", "sh")
    registry = sqlite3.connect(home / "registry.sqlite3", isolation_level=None)
    registry.execute("PRAGMA journal_mode=WAL")
    registry.execute("CREATE TABLE concepts AS SELECT 'cat' AS name")
    lines = taking.replace("/backup/sepme", str(backup))
    environment = {**os.environ, "SEPME_HOME": str(home)}
    subprocess.run(("bash", "-e", "-c", lines), env=environment, check=True, timeout=30)
    registry.close()
    copied = sqlite3.connect(backup / "registry.sqlite3")
    assert copied.execute("SELECT name FROM concepts").fetchall() == [("cat",)]
    copied.close()
    files = {path.relative_to(backup).as_posix() for path in backup.rglob("*") if path.is_file()}
    assert files == {"audit-heads.txt", "registry.sqlite3", "blobs/ab/cdef", "signing/leaf.pem"}
    assert backup.stat().st_mode & 0o077 == 0
