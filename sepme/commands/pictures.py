"""Pictures that were drawn: into files of which none is overwritten, and onto terminals that can show them."""

import io
import re
import sys
from collections.abc import Iterator
from itertools import chain, count
from pathlib import Path

from sepme.commands.endings import CannotDo

LONGEST_NAME = 48
STDOUT = Path("-")
SHOWN_COLUMNS = 64
"""Wider than that no picture is shown, however large it is."""


def named_after(prompt: str) -> str:
    """The name of a file for what was drawn: the words of the prompt, as a file system takes them."""
    words = re.findall(r"[\w-]+", prompt.lower())
    name = ""
    for word in words:
        if name and len(name) + len(word) >= LONGEST_NAME:
            break
        name = f"{name}-{word}" if name else word[:LONGEST_NAME]
    return name or "picture"


def check_place(output: Path | None, many: int, *, force: bool, as_json: bool) -> None:
    """Find out before anything is drawn whether it can be written.

    Raises:
        CannotDo: it cannot.
    """
    if output is None:
        return
    if output == STDOUT:
        if many > 1 or as_json:
            raise CannotDo("-o -: stdout takes one picture, and no document beside it")
        if sys.stdout.isatty():
            raise CannotDo("-o -: stdout is a terminal; redirect it, or name a file")
        return
    if output.is_dir():
        return
    if not output.parent.is_dir():
        raise CannotDo(f"-o {output}: there is no folder {output.parent}; make it first")
    if many == 1 and not force and output.exists():
        raise CannotDo(f"-o {output}: it is there already; --force replaces it")


def write(png: bytes, prompt: str, seed: int, output: Path | None, *, many: bool, force: bool) -> Path:
    """Write a picture into a file and give its place: a free name, unless one was asked for.

    Args:
        png: its bytes.
        prompt: what was asked for, after which it is named where no name was given.
        seed: the same, and what tells the pictures of one request from each other.
        output: the name or the folder that was asked for.
        many: whether the request has other pictures, too.
        force: whether one that is there may be replaced.

    Raises:
        CannotDo: it cannot be written.
    """
    if output is None or output.is_dir():
        wanted = (output or Path()) / f"{named_after(prompt)}-{seed}.png"
    else:
        wanted = output.with_stem(f"{output.stem}-{seed}") if many else output
    try:
        if force:
            wanted.write_bytes(png)
            return wanted
        return _write_new(png, wanted)
    except OSError as error:
        raise CannotDo(
            f"{wanted} cannot be written: {error.strerror}; `sepme jobs` has the job that drew it"
        ) from error


def to_stdout(png: bytes) -> None:
    """Write a picture to stdout."""
    sys.stdout.buffer.write(png)
    sys.stdout.buffer.flush()


def can_be_shown() -> bool:
    """Whether somebody sits before a terminal that can be asked what it shows."""
    return sys.stdout.isatty() and sys.stdin.isatty()


def show(png: bytes) -> bool:
    """Show a picture as well as the terminal can: by its graphics, else as half blocks; tells whether it was shown."""
    if not can_be_shown():
        return False
    try:
        from textual_image.renderable import Image  # asks the terminal
    except ImportError:
        return False
    from PIL import Image as Pillow
    from rich.console import Console

    console = Console()
    with Pillow.open(io.BytesIO(png)) as picture:
        columns = min(picture.width, SHOWN_COLUMNS, console.width)
        shown = Image(picture.convert("RGB"), width=columns, height="auto")
    try:
        console.print(shown)
    except (ArithmeticError, OSError, ValueError):  # terminals that tell no size of theirs, or a wrong one
        return False
    return True


def _write_new(png: bytes, wanted: Path) -> Path:
    for place in chain([wanted], _others(wanted)):
        try:
            with place.open("xb") as file:
                file.write(png)
        except FileExistsError:
            continue
        return place
    raise AssertionError  # there is always another name


def _others(wanted: Path) -> Iterator[Path]:
    return (wanted.with_stem(f"{wanted.stem}-{number}") for number in count(2))
