"""`python -m app.attestations`, which is `sepme bundle`: of a concept or a picture, beside a service or without."""

import argparse
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from app.attestations.evidence import identity, pack, pack_picture, shown, shown_of_picture
from app.images.routes import read_png
from app.operating import CannotDo, add_home, operate
from sepme_core.canonical import digest_of_bytes
from sepme_core.provenance import pixels
from sepme_core.registry import images
from sepme_core.registry.blobs import open_blobs
from sepme_core.registry.database import make_engine, reading
from sepme_core.registry.tables import Image
from sepme_core.settings import Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the bundle of a concept or a picture, and say where it is.

    Returns: the exit status, 0, or 2 where it cannot be done as asked.
    """
    parser = _parser()
    chosen = parser.parse_args(arguments)
    if (chosen.name is None) == (chosen.picture is None):
        parser.error("name a concept, or a picture by --picture")

    def work(settings: Settings) -> None:
        what, data = made(settings, chosen.name, chosen.picture)
        _write(chosen.file, data)
        print(f"{chosen.file}: the bundle of {what!r}, {len(data)} bytes; `sepme verify --bundle` checks it")

    return operate(work, chosen.home)


def made(settings: Settings, name: str | None, picture: str | None = None) -> tuple[str, bytes]:
    """The bundle of a concept or a picture, and what it is of.

    Args:
        settings: which registry, which blobs, who signs.
        name: a concept.
        picture: the id of a picture, or its file; None: of the concept.

    Raises:
        CannotDo: there is no registry, or no such picture in it.
        Problem, RegistryError: as `evidence` says.
    """
    url = make_url(settings.database_url)
    if url.drivername == "sqlite" and not Path(str(url.database)).is_file():
        raise CannotDo(f"there is no registry at {url.database}; set SEPME_HOME or SEPME_DATABASE_URL to one")
    engine, blobs = make_engine(settings.database_url), open_blobs(settings.blob_url)
    try:
        with reading(engine) as session:
            if picture is None:
                read = shown(session, str(name))
            else:
                of_picture = shown_of_picture(session, _found(session, picture))
        if picture is None:
            return read.concept, pack(read, blobs, identity(settings))
        png = read_png(blobs, of_picture.record["digest"])
        return of_picture.record["id"], pack_picture(of_picture, png, identity(settings))
    finally:
        engine.dispose()


def _found(session: Session, picture: str) -> Image:
    """A picture by its id or by a file, which may have lost its manifest and its record."""
    file = Path(picture)
    if not file.is_file():
        return images.get(session, picture)
    try:
        png = file.read_bytes()
        found = images.of_file(session, digest_of_bytes(png), pixels.read(png).sha256)
    except OSError as error:
        raise CannotDo(f"{file} cannot be read: {error.strerror}") from error
    except pixels.PictureUnreadable as reason:
        raise CannotDo(f"{file}: {reason}") from reason
    if found is None:
        raise CannotDo(f"{file}: no picture that was asked for here has these pixels")
    return found


def _write(file: Path, data: bytes) -> None:
    """Whole or not at all."""
    beside = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    try:
        beside.write_bytes(data)
        beside.replace(file)
    except OSError as reason:
        raise CannotDo(f"{file} cannot be written: {reason.strerror}") from reason
    finally:
        beside.unlink(missing_ok=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sepme bundle",
        description="Write all that bears out what stands for a concept into a zip file: the signed statement, the "
        "certificate, its pictures and their records, and the audit. Or all that stands behind a picture: its record, "
        "the certificates of what was erased in it, and the audit. `sepme verify --bundle` checks it anywhere.",
    )
    parser.add_argument("name", nargs="?", help="the concept")
    parser.add_argument("--picture", metavar="ID|PNG", help="a picture that was asked for: its id, or its file")
    parser.add_argument("file", type=Path, help="where to write it; what is there is replaced")
    add_home(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
