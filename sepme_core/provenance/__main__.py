"""`python -m sepme_core.provenance`: inspects a picture on standard input, reads its record, and writes JSON.

Strangers' files are read by libraries of C; so whoever serves others reads them in a process of its own, which this is.
"""

import json
import resource
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from sepme_core.provenance import pixels
from sepme_core.provenance.inspection import Inspection, NoPicture, inspect

CPU_SECONDS, MEMORY_BYTES = 20, 2 * 2**30
NO_PICTURE = 3
"""The exit status where the input is no PNG."""


def main(authorities: str | None) -> int:
    """Inspect what comes in.

    Args:
        authorities: a file of certificates (PEM); whether they vouch for the signer is told beside what is found.
    """
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    png = sys.stdin.buffer.read()
    try:
        found = inspect(png)
    except NoPicture:
        return NO_PICTURE
    if authorities is not None:
        found = _known(found, png, Path(authorities).read_text(encoding="ascii"))
    sys.stdout.write(json.dumps({**asdict(found), "record": _record(png)}))
    return 0


def _known(found: Inspection, png: bytes, authorities: str) -> Inspection:
    if found.signer is None:
        return found
    known = inspect(png, authorities).state == "valid"
    return replace(found, signer=replace(found.signer, known=known))


def _record(png: bytes) -> dict[str, Any] | None:
    try:
        return pixels.read(png).record
    except pixels.PictureUnreadable:
        return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else None))
