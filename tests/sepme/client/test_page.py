"""docs/client.md as it stands: its own lines, against the service in this process, and against one with the model."""

import re
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import Engine

from sepme import client as package
from sepme_core.demo import MODEL_FOLDER
from sepme_core.evaluation.judge import Verdict, load_judge
from sepme_core.registry.blobs import open_blobs
from sepme_core.settings import Settings
from tests.app import working
from tests.app.running import RunningService
from tests.documents import CHECKOUT, blocks
from tests.sepme.client.test_contract import CALLS
from tests.sepme.service import serving

PAGE = "docs/client.md"
PICTURES = ["cat-1.png", "cat-2.png", "cat-3.png", "restored.png", "without-sepia.png"]
SAID = r"""(?s)(\d+ of \d+ .*)?succeeded erased
\['#/steps'\]
404 concept-not-found GET /concepts lists .*
cat erased \d+
sepia restored \d+
\S+ anonymous erase
(\S+ anonymous \S+
)*a cat in sepia style
"""


def follow(url: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the page's lines, one block after the other, in a folder of their own."""
    monkeypatch.setenv("SEPME_URL", url)
    monkeypatch.chdir(folder)
    names = {"__name__": "page"}
    for block in blocks(PAGE, "python"):
        exec(compile(block, PAGE, "exec"), names)


def test_the_lines_do_what_the_page_says(
    service: RunningService,
    settings: Settings,
    engine: Engine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with working.working(engine, open_blobs(settings.blob_url)):
        follow(service.url, tmp_path, monkeypatch)
    assert sorted(file.name for file in tmp_path.glob("*.png")) == PICTURES
    assert re.fullmatch(SAID, capsys.readouterr().out)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_with_the_model_they_do_so_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    with serving(tmp_path / "home") as service:
        follow(service.address, folder, monkeypatch)
    assert re.fullmatch(SAID, capsys.readouterr().out)
    judge = load_judge(MODEL_FOLDER / "judge")
    pictures = [Image.open(folder / name) for name in ("without-sepia.png", "restored.png", "cat-1.png")]
    without, restored, forgotten = judge.look_at(pictures)
    assert without.look != "sepia"
    assert without.object == "cat"
    assert restored == Verdict("cat", "sepia")
    assert forgotten.object != "cat"


def test_the_page_names_every_method_and_exception() -> None:
    text = (CHECKOUT / PAGE).read_text(encoding="utf-8")
    methods = {name.rpartition(".")[2] for name in CALLS}
    exceptions = {name for name in package.__all__ if issubclass_of_error(name)} - {"ProblemError", "TransportError"}
    assert {name for name in methods | exceptions if not re.search(rf"\b{name}\b", text)} == set()


def issubclass_of_error(name: str) -> bool:
    member = getattr(package, name)
    return isinstance(member, type) and issubclass(member, package.SepmeError)
