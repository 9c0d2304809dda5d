"""`sepme concepts`: all of them, or one with its certificate."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from sepme.commands import certificates, printing
from sepme.commands.completion import concepts as names_of_concepts
from sepme.commands.endings import DONE
from sepme.commands.options import AsJson
from sepme.commands.service import KeyFile, ProfileName, Url, connected

COLUMNS = ("name", "state", "kind", "version", "seen", "leak", "updated", "job")


def concepts(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="This one, with its certificate.", autocompletion=names_of_concepts),
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
    key_file: KeyFile = None,
    profile: ProfileName = None,
) -> int:
    """List the concepts, or say all of one: what serves, its certificate in words, its versions."""
    with connected(url, key_file, profile, as_json=as_json) as client:
        if name is not None:
            concept: Any = client.concepts.get(name)
            if as_json:
                printing.document(concept)
            else:
                printing.lines([*certificates.said(concept), *_versions(concept)])
            return DONE
        listed = list(client.concepts.list(page_size=200))
    if as_json:
        printing.document({"items": listed})
    else:
        printing.table(COLUMNS, (_row(concept) for concept in listed), "No concept was erased yet.")
    return DONE


def _row(concept: Mapping[str, Any]) -> list[Any]:
    certificate = concept["certificate"] or {}
    sight, leak = certificate.get("forgotten"), certificate.get("leak")
    return [
        concept["name"],
        f"{concept['state']} for good" if concept["irrevocable"] else concept["state"],
        concept["kind"],
        concept["version"],
        f"{sight['seen']}/{sight['pictures']}" if sight else None,
        f"{leak['max']:.2%}" if leak else None,
        concept["updated_at"][:19],
        concept["job"],
    ]


def _versions(concept: Mapping[str, Any]) -> list[str]:
    return [
        f"  version {each['version']}  {each['created_at'][:19]}  {each['reason']}  {each['digest']}"
        for each in concept["versions"]
    ]
