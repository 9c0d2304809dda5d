"""`sepme inspect`: who signed a picture, whether that holds, and what it states. No service, no model, no network."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography import x509

from sepme_core.extras import inspecting_lacking

if TYPE_CHECKING:
    from sepme_core.provenance.inspection import Inspection

VALID, INVALID, UNREADABLE = 0, 1, 2


def inspect(picture: Path, *, trust: Path | None = None, as_json: bool = False) -> int:
    """Print what a picture's manifest says.

    Args:
        picture: a PNG.
        trust: certificates (PEM) of the authorities that its signer is held against.
        as_json: print one JSON document instead of lines.

    Returns: the exit status: 0 where it is valid, 1 where it is not or there is none, 2 where that cannot be told.
    """
    if lacking := inspecting_lacking():
        return _cannot(lacking)
    from sepme_core.provenance.inspection import NoPicture
    from sepme_core.provenance.inspection import inspect as look

    try:
        png = picture.read_bytes()
        authorities = None if trust is None else _certificates(trust)
        found = look(png, authorities)
    except OSError as error:
        return _cannot(f"{error.filename} cannot be read: {error.strerror}")
    except NoPicture as error:
        return _cannot(f"{picture}: {error}")
    except ValueError:
        return _cannot(
            f"--trust: {trust} holds no certificates in PEM; an authority of sepme's own is in signing/ca.pem"
        )
    print(json.dumps(asdict(found), indent=2) if as_json else "\n".join(_lines(picture, found)))
    return VALID if found.state == "valid" else INVALID


def _certificates(file: Path) -> str:
    pem = file.read_bytes()
    x509.load_pem_x509_certificates(pem)
    return pem.decode()


def _cannot(reason: str) -> int:
    print(f"sepme: {reason}", file=sys.stderr)
    return UNREADABLE


def _lines(picture: Path, found: "Inspection") -> list[str]:
    lines = [f"{picture}: {found.state}{f', {found.reason}' if found.reason else ''}"]
    if found.signer is not None:
        vouched = {True: "known: the authority given vouches for it", False: "not known to the authorities given"}
        told = vouched.get(bool(found.signer.known)) if found.signer.known is not None else _HOW_TO_KNOW
        lines += [
            f"  signed by  {found.signer.subject}, for which {found.signer.issuer} vouches",
            f"  keyid      {found.signer.keyid}",
            f"  signer     {told}",
            f"  made by    {found.generator}, a model",
        ]
    if found.state == "valid" and found.statement is not None:
        lines += _stated({**found.statement})
    return [_printable(line) for line in lines]


_HOW_TO_KNOW = "not known: anybody can sign under any name; hold it against an authority's certificate with --trust"


def _stated(statement: dict[str, Any]) -> list[str]:
    mask = statement["mask"]
    concepts = [
        f"    {each.get('name')}  version {each.get('version', 'not published yet')}  {each.get('digest')}"
        for each in mask["concepts"]
    ]
    settings = (
        "seed",
        "steps",
        "guidance_scale",
        "scheduler",
        "width",
        "height",
        "batches",
        "prompt",
        "negative_prompt",
    )
    return [
        f"  base       {statement['base_digest']}",
        f"  mask       {mask.get('digest')}, {len(concepts) or 'no'} concept{'' if len(concepts) == 1 else 's'}",
        *concepts,
        *(f"  {name:10} {statement[name]}" for name in settings if name in statement),
        f"  pixels     {statement['sha256']}",
        f"  job        {statement['job']}",
    ]


def _printable(line: str) -> str:
    """What a stranger signed is not to move the cursor."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in line)
