from pathlib import Path

import pytest
from PIL import Image

from sepme_core.demo import MODEL_FOLDER
from sepme_core.evaluation.judge import Verdict, load_judge
from tests.documents import blocks


def test_the_notebook_erases_and_restores_in_its_own_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = blocks("docs/notebook.md", "python")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "docs/notebook.md", "exec"), {"__name__": "notebook"})
    pictures = [Image.open(tmp_path / name) for name in ("without-sepia.png", "restored.png")]
    without, restored = load_judge(MODEL_FOLDER / "judge").look_at(pictures)
    assert restored == Verdict("cat", "sepia")
    assert without.object == "cat"
    assert without.look != "sepia"
