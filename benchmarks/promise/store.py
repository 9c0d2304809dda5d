"""What cases and restarts share, on disk: every file is written whole, so that several processes may work at once."""

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

FOLDER = Path("build/promise")


def write(path: Path, data: bytes) -> None:
    """Put a file in its place at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_bytes(data)
    part.replace(path)


def write_json(path: Path, value: Any) -> None:
    """The same for a value."""
    write(path, (json.dumps(value, indent=1) + "\n").encode())


def recall_json(path: Path, make: Callable[[], Any]) -> Any:
    """What ``make`` gave, now or earlier."""
    if not path.exists():
        write_json(path, make())
    return json.loads(path.read_text())


def recall_pictures(path: Path, make: Callable[[], list[Image.Image]]) -> list[Image.Image]:
    """The same for pictures of one size, to the pixel; ``path`` ends in .npy."""
    if path.exists():
        return [Image.fromarray(each) for each in np.load(path)]
    pictures = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{os.getpid()}.{path.name}")
    np.save(part, np.stack([np.asarray(each.convert("RGB")) for each in pictures]))
    part.replace(path)
    return pictures


@contextmanager
def claimed(name: str) -> Iterator[bool]:
    """Whether this process has the case to itself; given up when it ends, however it does."""
    path = FOLDER / "claims" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
