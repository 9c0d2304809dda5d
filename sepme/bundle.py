"""`sepme verify --bundle`: what a bundle says is checked by nothing but the bundle, and whom one trusts."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from cryptography import x509

from sepme_core.provenance import bundle, chain
from sepme_core.provenance.walk import Link, walk

HOLDS, FAILED, CANNOT = 0, 1, 2
UNTRUSTED = (
    "Nobody said whose signature is good: pass --trust with the certificate of the service's authority, had from the "
    "operator."
)
DO_NOT_RELY = (
    "Do not rely on this bundle. Ask the service for another (`sepme bundle`, GET /concepts/{name}/bundle), and whoever"
    " gave you this one where it comes from."
)


def verify_bundle(file: Path, trust: Path | None, *, as_json: bool = False) -> int:
    """Walk a bundle and report each link on the terminal, up to the first that does not hold.

    Args:
        file: the zip file.
        trust: a PEM file of the authorities that are believed; None to take whoever signed for good.
        as_json: print one JSON document instead of lines.

    Returns: the exit status: 0 where all holds, 1 where something does not, 2 where it cannot be read.
    """
    try:
        trusted = _read_trusted(trust)
        files = bundle.unzipped(file)
    except (bundle.BundleUnreadable, chain.ChainRefused) as reason:
        print(f"sepme: {reason}", file=sys.stderr)
        return CANNOT
    links = list(walk(files, trusted))
    if as_json:
        print(json.dumps(_document(links, bool(trusted)), indent=2))
    else:
        print("\n".join(_lines(links, bool(trusted))))
    return HOLDS if links[-1].holds else FAILED


def _read_trusted(trust: Path | None) -> list[x509.Certificate]:
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
