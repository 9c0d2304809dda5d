"""`sepme verify --bundle`: what a bundle says is checked by nothing but the bundle, and whom one trusts.

A picture at hand is held against the one in a bundle of its own: the last link from somebody's file to its cases.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from cryptography import x509

from sepme_core.provenance import bundle, chain, pixels
from sepme_core.provenance.links import Link
from sepme_core.provenance.walk import walk

HOLDS, FAILED, CANNOT = 0, 1, 2
AT_HAND = "picture at hand"
UNTRUSTED = (
    "Nobody said whose signature is good: pass --trust with the certificate of the service's authority, had from the "
    "operator."
)
DO_NOT_RELY = (
    "Do not rely on this bundle. Ask the service for another (`sepme bundle`, GET /concepts/{name}/bundle, "
    "GET /images/{id}/bundle), and whoever gave you this one where it comes from."
)


def verify_bundle(file: Path, trust: Path | None, *, picture: Path | None = None, as_json: bool = False) -> int:
    """Walk a bundle and report each link on the terminal, up to the first that does not hold.

    Args:
        file: the zip file.
        trust: a PEM file of the authorities that are believed; None to take whoever signed for good.
        picture: a PNG that is to be the one which the bundle is of.
        as_json: print one JSON document instead of lines.

    Returns: the exit status: 0 where all holds, 1 where something does not, 2 where it cannot be read.
    """
    try:
        trusted = read_trusted(trust)
        files = bundle.unzipped(file)
        at_hand = None if picture is None else picture.read_bytes()
    except OSError as error:
        return _cannot(f"--picture: {picture} cannot be read: {error.strerror}")
    except (bundle.BundleUnreadable, chain.ChainRefused) as reason:
        return _cannot(str(reason))
    links = list(walk(files, trusted))
    if at_hand is not None and links[-1].holds:
        links.append(same_picture(files, at_hand))
    if as_json:
        print(json.dumps(_document(links, bool(trusted)), indent=2))
    else:
        print("\n".join(_lines(links, bool(trusted))))
    return HOLDS if links[-1].holds else FAILED


def same_picture(files: Mapping[str, bytes], png: bytes) -> Link:
    """Whether a picture at hand is the one that a bundle is of: by its file, else by its pixels."""
    if bundle.PICTURE not in files:
        detail = "this bundle is of a concept: ask for the picture's own (`sepme bundle --picture`)"
        return Link(AT_HAND, holds=False, detail=detail)
    if png == files[bundle.PICTURE]:
        return Link(AT_HAND, holds=True, detail="it is the very file")
    try:
        here, there = pixels.read(png), pixels.read(files[bundle.PICTURE])
    except pixels.PictureUnreadable as reason:
        return Link(AT_HAND, holds=False, detail=f"it is another file than the bundle's: {reason}")
    if here.sha256 != there.sha256:
        detail = f"its pixels have the sha256 {here.sha256}, and those of the bundle's picture {there.sha256}"
        return Link(AT_HAND, holds=False, detail=detail)
    return Link(AT_HAND, holds=True, detail="the same pixels in another file: what else that says was not looked at")


def _cannot(reason: str) -> int:
    print(f"sepme: {reason}", file=sys.stderr)
    return CANNOT


def read_trusted(trust: Path | None) -> list[x509.Certificate]:
    """Return the certificates of a PEM file, none where there is no file.

    Raises:
        chain.ChainRefused: where it cannot be read, or holds none.
    """
    if trust is None:
        return []
    try:
        return chain.read(trust.read_bytes())
    except OSError as error:
        raise chain.ChainRefused(f"--trust: {trust} cannot be read: {error.strerror}") from error
    except chain.ChainRefused as reason:
        raise chain.ChainRefused(
            f"--trust: {trust}: {reason}: name the authority's certificate, as in ca.pem"
        ) from reason


def _document(links: Sequence[Link], trusted: bool) -> dict[str, object]:
    last = links[-1]
    return {
        "holds": last.holds,
        "trusted": trusted and last.holds,
        "broken": None if last.holds else last.name,
        "links": [asdict(link) for link in links],
    }


def _lines(links: Sequence[Link], trusted: bool) -> list[str]:
    lines = [f"{'ok' if link.holds else 'FAILED':<7} {link.name}: {link.detail}" for link in links]
    last = links[-1]
    if not last.holds:
        return [*lines, f"The first link that does not hold is: {last.name}. {DO_NOT_RELY}"]
    return [*lines, f"{len(links)} links, all hold.", *([] if trusted else [UNTRUSTED])]
