"""The lines of docs/takedowns.md, word for word but for the address, against a running service."""

import json
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from sepme_core.registry.blobs import Blobs
from tests.app import working
from tests.app.running import RunningService
from tests.documents import CHECKOUT, blocks

PAGE = "docs/takedowns.md"
ADDRESS = "http://127.0.0.1:8000"


@pytest.mark.usefixtures("model")
def test_a_notice_is_answered_appealed_and_answered_again_by_the_lines_of_the_page(
    service: RunningService, engine: Engine, blobs: Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "desk"
    folder.mkdir()
    monkeypatch.setitem(working.DO, "erase", partial(working.erase, evidence=True))
    lines = "\n".join(blocks(PAGE, "sh"))
    assert lines.count(ADDRESS) > 6
    with working.working(engine, blobs):
        command = ("bash", "-e", "-o", "pipefail", "-c", lines.replace(ADDRESS, service.url))
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr

    def read(name: str) -> Any:
        return json.loads((folder / name).read_text())

    told = [line.partition("  ")[2] for line in done.stdout.splitlines()]
    (shown,) = blocks(PAGE, "text")
    assert told == [line.partition("  ")[2] for line in shown.splitlines()]
    assert read("certificate.json")["case"] == "2026-0117"
    assert read("certificate.json")["audit"]["hash"] == read("audit.json")["items"][0]["hash"]
    assert sorted(path.name for path in folder.glob("*.png")) == ["after-1.png", "before-0.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in folder.glob("*.png"))
    assert (read("second.json")["state"], read("second.json")["case"]) == ("succeeded", "2026-0121")
    entries = read("concept-audit.json")["items"]
    assert [(entry["action"], entry["case"]) for entry in entries] == [
        ("erase", "2026-0117"),
        ("case-noted", "2026-0121"),
    ]
    assert read("restored.json")["state"] == "restored"
    assert read("again.json")["result"]["state"] == "erased"


def test_the_page_points_at_pages_that_exist_and_the_readme_at_it() -> None:
    assert "(docs/takedowns.md)" in (CHECKOUT / "README.md").read_text(encoding="utf-8")
    pages = {piece.partition(")")[0] for piece in (CHECKOUT / PAGE).read_text(encoding="utf-8").split("](")[1:]}
    assert pages
    assert [page for page in pages if not (CHECKOUT / "docs" / page).exists()] == []
