"""`sepme audit`: who changed what, and when."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from sepme.commands import printing
from sepme.commands.completion import concepts as names_of_concepts
from sepme.commands.endings import DONE
from sepme.commands.options import AsJson
from sepme.commands.service import KeyFile, ProfileName, Url, connected

COLUMNS = ("sequence", "at", "actor", "action", "concept", "from", "to", "case", "reason")
DIGITS = len("sha256:") + 12
"""As many of a digest tell it from the others in a table; --json has all."""


def audit(
    case: Annotated[str | None, typer.Option(metavar="CASE", help="Entries filed under it alone.")] = None,
    concept: Annotated[
        str | None, typer.Option(metavar="NAME", help="Entries of it alone.", autocompletion=names_of_concepts)
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
    key_file: KeyFile = None,
    profile: ProfileName = None,
) -> int:
    """Say who changed what, when, from which digest to which; the oldest entry first."""
    with connected(url, key_file, profile, as_json=as_json) as client:
        entries = list(client.audit.list(concept=concept, case=case, page_size=200))
    if as_json:
        printing.document({"items": entries})
    else:
        printing.table(COLUMNS, (_row(entry) for entry in entries), "There is no such entry.")
    return DONE


def _row(entry: Mapping[str, Any]) -> list[Any]:
    digests = [entry[name] and entry[name][:DIGITS] for name in ("from_digest", "to_digest")]
    said = (entry.get("case"), entry["details"].get("reason"))
    return [entry["sequence"], entry["at"][:19], entry["actor"], entry["action"], entry["concept"], *digests, *said]
