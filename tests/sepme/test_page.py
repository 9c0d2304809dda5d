"""docs/command-line.md: its lines, word for word, against the service that it speaks of."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from sepme.command import BY_PANEL
from sepme.commands import endings
from sepme.commands.keys import keys
from sepme.commands.protected import protected
from sepme_core.demo import MODEL_FOLDER
from sepme_core.drawing.request import pixel_digest
from sepme_core.evaluation.judge import load_judge
from tests.documents import CHECKOUT, blocks
from tests.sepme.service import serving

PAGE = "docs/command-line.md"
ADDRESS = "http://127.0.0.1:8000"
NOT_SHOWN = {"keys first"}
"""What only the installation of containers has a use for."""


def lines_to_run() -> str:
    """All that is typed but the start of the service."""
    return "\n".join(block for block in blocks(PAGE, "sh") if not block.startswith("sepme serve"))


def commands() -> set[str]:
    """Every command there is, those of families with the family's name."""
    single = {function.__name__ for _, *functions in BY_PANEL for group in functions for function in group}
    of_families = {
        f"{family} {command.name or getattr(command.callback, '__name__', '')}"
        for family, application in (("keys", keys), ("protected", protected))
        for command in application.registered_commands
    }
    return single | of_families


def test_every_command_has_an_example() -> None:
    typed = "\n".join(blocks(PAGE, "sh"))
    missing = {command for command in commands() if not re.search(rf"\bsepme {command}\b", typed)}
    assert missing == NOT_SHOWN


def test_the_exit_statuses_are_those_that_commands_end_with() -> None:
    page = (CHECKOUT / PAGE).read_text(encoding="utf-8")
    told = [int(status) for status in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)]
    assert told == [endings.DONE, endings.FINDING, endings.USAGE, endings.SERVICE, endings.INTERRUPTED]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_its_lines_do_what_they_say(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("typed")
    with serving(tmp_path_factory.mktemp("home")) as service:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("SEPME_", "XDG_"))},
            "PATH": f"{program_in(folder)}:{os.environ['PATH']}",
            "HOME": str(folder),
            "SEPME_URL": service.address,
            "SEPME_HOME": str(service.home),
            "SEPME_PORT": service.address.rpartition(":")[2],
        }
        script = lines_to_run().replace(ADDRESS, service.address)
        command = ("bash", "-e", "-o", "pipefail", "-c", script)
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=800
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert_printed(done.stdout)
    look_at_pictures(folder)


def program_in(folder: Path) -> Path:
    """A folder in which `sepme` is this checkout's."""
    place = folder / "bin"
    place.mkdir()
    (place / "sepme").write_text(f'#!/bin/sh\nexec {sys.executable} -m sepme.command "$@"\n')
    (place / "sepme").chmod(0o755)
    return place


def assert_printed(printed: str) -> None:
    """What the page shows was printed, in this order; numbers differ between machines."""
    rest = without_numbers(printed)
    for piece in filter(None, without_numbers("…".join(blocks(PAGE, "text"))).split("…")):
        _before, found, rest = rest.partition(piece)
        assert found == piece, f"not printed, or not in this order: {piece}"


def look_at_pictures(folder: Path) -> None:
    original, without_both = (Image.open(folder / f"{name}.png") for name in ("original", "without-both"))
    drawn = Image.open(folder / "a-cat-in-sepia-style-7.png")
    assert (folder / "a-cat-in-sepia-style-8.png").is_file()
    assert pixel_digest(drawn) != pixel_digest(original)
    seen = load_judge(MODEL_FOLDER / "judge").look_at([original, without_both])
    assert (seen[0].object, seen[0].look) == ("cat", "sepia")
    assert seen[1].object != "cat"
    assert seen[1].look != "sepia"


def without_numbers(text: str) -> str:
    """A text without its white space, every number in it the same."""
    return re.sub(r"-?\d+(\.\d+)?", "0", "".join(text.split()))
