"""What is otherwise where somebody sits before a terminal: bars, questions, pictures."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from PIL import Image

from tests.app.running import RunningService
from tests.sepme.commands.conftest import Run

CHECKOUT = Path(__file__).parents[3]
ROWS, COLUMNS, CELL = 40, 110, 10
SHOW = """
import sys
from pathlib import Path
from sepme.commands import pictures
print(pictures.show(Path(sys.argv[1]).read_bytes()))
"""


class Terminal:
    """A terminal that says its size, and nothing of graphics.

    Attributes:
        end: what a process has as its stream.
    """

    def __init__(self) -> None:
        self._controller, self.end = pty.openpty()
        size = struct.pack("HHHH", ROWS, COLUMNS, COLUMNS * CELL, ROWS * CELL * 2)
        fcntl.ioctl(self.end, termios.TIOCSWINSZ, size)

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._controller, text.encode())

    def seen(self) -> str:
        """All that was written to it; to be asked for once, when its processes have ended."""
        os.close(self.end)
        parts = []
        try:
            while part := os.read(self._controller, 65536):
                parts.append(part)
        except OSError:  # so it ends on Linux
            pass
        os.close(self._controller)
        return b"".join(parts).decode(errors="replace")


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()  # closed by `seen`


def environment() -> dict[str, str]:
    return {**os.environ, "TERM": "xterm-256color"}


def test_progress_is_a_bar_on_stderr_and_stdout_has_the_result_alone(worker: None, terminal: Terminal) -> None:
    del worker
    command = (sys.executable, "-m", "sepme.command", "erase", "cat")
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=terminal.end, env=environment(), cwd=CHECKOUT, check=False, timeout=60
    )
    seen = terminal.seen()
    assert done.returncode == 0, seen
    assert done.stdout.startswith(b"cat: erased, version 1\n")
    assert b"\x1b" not in done.stdout
    assert "Erasing cat ━" in re.sub(r"\x1b\[[0-9;?]*\w", "", seen)


@pytest.mark.parametrize(("answer", "status", "left"), [("n", 2, ["cat"]), ("y", 0, [])])
def test_purging_asks(
    run: Run, service: RunningService, worker: None, terminal: Terminal, answer: str, status: int, left: list[str]
) -> None:
    del service, worker
    assert run("erase", "cat").status == 0
    terminal.type(f"{answer}\n")
    command = (sys.executable, "-m", "sepme.command", "purge", "cat")
    done = subprocess.run(
        command, stdin=terminal.end, stderr=terminal.end, env=environment(), cwd=CHECKOUT, check=False, timeout=60
    )
    assert "Forget cat (erased, 1 version) for good?" in terminal.seen()
    assert done.returncode == status
    assert [each["name"] for each in run("concepts", "--json").document["items"]] == left


def show_on(terminal: Terminal, picture: Path) -> str:
    """What a terminal has seen once a picture was shown on it."""
    command = (sys.executable, "-c", SHOW, str(picture))
    done = subprocess.run(
        command, stdin=terminal.end, stdout=terminal.end, env=environment(), cwd=CHECKOUT, check=False, timeout=60
    )
    seen = terminal.seen()
    assert done.returncode == 0, seen
    assert seen.rstrip().endswith("True"), seen
    return seen


def test_pictures_are_half_blocks_where_the_terminal_has_no_graphics(tmp_path: Path, terminal: Terminal) -> None:
    Image.new("RGB", (8, 8), (255, 0, 0)).save(tmp_path / "red.png")
    assert show_on(terminal, tmp_path / "red.png").count("▀") == 8 * 4


def test_pictures_are_sixels_where_the_terminal_answers_that_it_has_them(tmp_path: Path, terminal: Terminal) -> None:
    Image.new("RGB", (64, 64), (255, 0, 0)).save(tmp_path / "red.png")
    terminal.type("\x1b[?62;4c")  # as xterm -ti vt340 answers
    seen = show_on(terminal, tmp_path / "red.png")
    assert "▀" not in seen
    assert "\x1bP" in seen


def test_nowhere_else_are_they_shown(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "black.png")
    command = (sys.executable, "-c", SHOW, str(tmp_path / "black.png"))
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, cwd=CHECKOUT)
    assert done.stdout == "False\n"
