"""`sepme bundle`: the evidence of a concept's erasure, from this machine's registry or from a service."""

import os
import secrets
from pathlib import Path
from typing import Annotated

import typer

from sepme.commands import machine, printing, service
from sepme.commands.endings import DONE, CannotDo
from sepme.commands.options import AsJson, Home, Local
from sepme.commands.service import KeyFile, ProfileName, Url

PROGRAM = "app.attestations"


def bundle(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="The concept; with --picture FILE stands here.")],
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="Where to write it; what is there is replaced.")
    ] = None,
    picture: Annotated[
        str | None,
        typer.Option(metavar="ID|PNG", help="Of a picture that was asked for: its id, or on this machine its file."),
    ] = None,
    as_json: AsJson = False,
    home: Home = None,
    local: Local = False,
    url: Url = None,
    key_file: KeyFile = None,
    profile: ProfileName = None,
) -> int:
    """Write all that bears out what stands for a concept, or what stands behind a picture, into a zip file.

    Of a concept: the signed statement, the certificate, its pictures and their records, and the audit. Of a picture:
    its record, the certificates of what was erased in it, and the audit. `sepme verify --bundle` checks it anywhere.

    It comes from this machine's registry, beside a service or without one, unless a service is named (--url, --profile,
    SEPME_URL, SEPME_PROFILE, or the default profile): then from there. It is said on stderr which.
    """
    what, place = _asked(name, file, picture)
    if service.elsewhere(url, key_file, profile, home, local=local):
        if picture is not None and Path(picture).is_file():
            raise CannotDo(f"a service knows its pictures by their ids: name that of {picture}, or ask with --local")
        with service.connected(url, key_file, profile, as_json=as_json) as client:
            printing.note(f"From {client.connection.address}.")
            found = client.concepts.bundle(what) if picture is None else client.images.bundle(what)
        _write(place, found.content)
    else:
        printing.note("From this machine's registry.")
        asked = [what] if picture is None else [f"--picture={picture}"]
        placed = [f"--home={home}"] if home else []
        if status := machine.run(PROGRAM, *asked, str(place), *placed, quiet=True):
            return status
    size = place.stat().st_size
    if as_json:
        printing.document({"of": what, "file": str(place), "bytes": size})
    else:
        printing.lines([f"{place}: the bundle of {what!r}, {size} bytes; `sepme verify --bundle` checks it"])
    return DONE


def _asked(name: str, file: Path | None, picture: str | None) -> tuple[str, Path]:
    """Of what, and where to.

    Raises:
        CannotDo: both are asked for, or there is no place.
    """
    if picture is None:
        if file is None:
            raise CannotDo("name the concept and the file, or --picture and the file")
        return name, file
    if file is not None:
        raise CannotDo("name a concept, or a picture by --picture, and not both")
    return picture, Path(name)


def _write(file: Path, data: bytes) -> None:
    """Whole or not at all, and for nobody else: prompts and pictures of what is erased are in it."""
    beside = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(data)
        beside.replace(file)
    except OSError as error:
        raise CannotDo(f"{file} cannot be written: {error.strerror}") from error
    finally:
        beside.unlink(missing_ok=True)
