"""Files that hold a secret, made once: whoever comes first makes one, and only its owner may read it."""

import os
import secrets
from pathlib import Path


def write_once(file: Path, data: bytes) -> None:
    """Write a file unless it is there: beside it and linked, so that nobody reads half and nobody's is replaced.

    Raises:
        OSError: it cannot be written.
    """
    beside = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        os.link(beside, file)
    except FileExistsError:
        pass  # somebody else was first
    finally:
        beside.unlink(missing_ok=True)
