"""`sepme inspect`: who signed a picture, whether that holds, and what it states. No service, no model, no network."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography import x509

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
        said = {
            "signed by": f"{found.signer.subject}, for which {found.signer.issuer} vouches",
            "keyid": found.signer.keyid,
            "signer": KNOWN[found.signer.known],
            "made by": f"{found.generator}, a model",
        }
        lines += _columns(said)
    if found.state == "valid" and found.statement is not None:
        lines += _stated({**found.statement})
    return [_printable(line) for line in lines]


KNOWN = {
    True: "known: the authority given vouches for it",
    False: "not known to the authorities given",
    None: "not known: anybody can sign under any name; hold it against an authority's certificate with --trust",
}
SETTINGS = ("seed", "steps", "guidance_scale", "scheduler", "width", "height", "batches", "prompt", "negative_prompt")


def _stated(statement: dict[str, Any]) -> list[str]:
    mask = statement["mask"]
    concepts = [
        f"    {each.get('name')}  version {each.get('version', 'not published yet')}  {each.get('digest')}"
        for each in mask["concepts"]
    ]
    count = f"{len(concepts) or 'no'} concept{'' if len(concepts) == 1 else 's'}"
    settings = {name: statement[name] for name in SETTINGS if name in statement}
    return [
        *_columns({"base": statement["base_digest"], "mask": f"{mask.get('digest')}, {count}"}),
        *concepts,
        *_columns({**settings, "pixels": statement["sha256"], "job": statement["job"]}),
    ]


def _columns(said: dict[str, Any]) -> list[str]:
    return [f"  {name:15}  {value}" for name, value in said.items()]


def _printable(line: str) -> str:
    """What a stranger signed is not to move the cursor."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in line)
