"""`python -m app.attestations NAME FILE`, which is `sepme bundle`: beside a service or without."""

import argparse
import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from app.attestations.evidence import identity, pack, shown
from app.problems import Problem
from sepme_core.registry import errors
from sepme_core.registry.blobs import open_blobs
from sepme_core.registry.database import make_engine, reading
from sepme_core.settings import Settings

DONE, CANNOT = 0, 2
PRIVATE_UMASK = 0o077
"""What is in a bundle, prompts and pictures of what is erased, is nobody else's until it is passed on."""


class CannotDo(Exception):
    """It cannot be done as asked; the message says why and what helps."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the bundle of a concept, and say where it is.

    Returns: the exit status, 0, or 2 where it cannot be done as asked.
    """
    chosen = _parser().parse_args(arguments)
    os.umask(PRIVATE_UMASK)
    if chosen.home:
        os.environ["SEPME_HOME"] = chosen.home
    try:
        data = made(Settings(), chosen.name)
        _write(chosen.file, data)
    except Problem as problem:
        return _refuse(f"{problem.detail} {problem.remedy}")
    except (CannotDo, errors.RegistryError, ValidationError) as reason:
        return _refuse(str(reason))
    except SQLAlchemyError as reason:
        return _refuse(f"the registry cannot be used: {getattr(reason, 'orig', None) or reason}")
    print(f"{chosen.file}: the bundle of {chosen.name!r}, {len(data)} bytes; `sepme verify --bundle` checks it")
    return DONE


def made(settings: Settings, name: str) -> bytes:
    """The bundle of a concept.

    Raises:
        CannotDo: there is no registry.
        Problem, RegistryError: as `shown` and `pack` say.
    """
    url = make_url(settings.database_url)
    if url.drivername == "sqlite" and not Path(str(url.database)).is_file():
        raise CannotDo(f"there is no registry at {url.database}; set SEPME_HOME or SEPME_DATABASE_URL to one")
    engine = make_engine(settings.database_url)
    try:
        with reading(engine) as session:
            read = shown(session, name)
        return pack(read, open_blobs(settings.blob_url), identity(settings))
    finally:
        engine.dispose()


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


def _refuse(reason: str) -> int:
    print(f"sepme: {reason}", file=sys.stderr)
    return CANNOT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sepme bundle",
        description="Write all that bears out what stands for a concept into a zip file: the signed statement, the "
        "certificate, its pictures and their records, and the audit. `sepme verify --bundle` checks it anywhere.",
    )
    parser.add_argument("name", help="the concept")
    parser.add_argument("file", type=Path, help="where to write it; what is there is replaced")
    parser.add_argument("--home", help="the state folder (SEPME_HOME)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
