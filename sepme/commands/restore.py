"""`sepme restore` and `sepme purge`: a concept is given back, or forgotten altogether."""

import sys
from typing import Annotated, Any

import typer

from sepme.commands import printing
from sepme.commands.completion import concepts as names_of_concepts
from sepme.commands.endings import DONE, CannotDo
from sepme.commands.options import AsJson, Case, Reason
from sepme.commands.service import KeyFile, ProfileName, Url, connected

Concept = Annotated[str, typer.Argument(metavar="NAME", help="The concept.", autocompletion=names_of_concepts)]


def restore(
    name: Concept,
    case: Case = None,
    reason: Reason = None,
    as_json: AsJson = False,
    url: Url = None,
    key_file: KeyFile = None,
    profile: ProfileName = None,
) -> int:
    """Give a concept back: from now on it is drawn again. Its increment stays, for masks that name it."""
    with connected(url, key_file, profile, as_json=as_json) as client:
        before = client.concepts.get(name)
        after = client.concepts.restore(name, case=case, reason=reason)
    if as_json:
        printing.document(after)
    else:
        printing.lines(_did(before, after))
    return DONE


def purge(
    name: Concept,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")] = False,
    case: Case = None,
    reason: Reason = None,
    as_json: AsJson = False,
    url: Url = None,
    key_file: KeyFile = None,
    profile: ProfileName = None,
) -> int:
    """Forget a concept altogether, its increments too, and give its capacity back. Asks first.

    To draw it again `sepme restore` is enough, and can be undone.
    """
    if not yes and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise CannotDo(f"purging {name} cannot be undone, and nobody can be asked here: say --yes")
    with connected(url, key_file, profile, as_json=as_json) as client:
        concept = client.concepts.get(name)
        if not yes:
            count = f"{len(concept['versions'])} version{'' if len(concept['versions']) == 1 else 's'}"
            if not typer.confirm(f"Forget {concept['name']} ({concept['state']}, {count}) for good?", err=True):
                raise CannotDo(f"{name} was not purged")
        client.concepts.purge(name, case=case, reason=reason)
    if as_json:
        printing.document({"purged": name})
    else:
        printing.lines([f"{name} is forgotten, and its capacity is free."])
    return DONE


def _did(before: Any, after: Any) -> list[str]:
    said = []
    if before["job"]:
        said.append(f"The job {before['job']} that was at it is cancelled.")
    if before["state"] == "erased":
        kept = f"Version {after['version']} is kept: `sepme erase {after['name']}` brings it back at once."
        return [*said, f"{after['name']} is restored: it is drawn again where `active` is the mask.", kept]
    was = "was restored already" if before["state"] == "restored" else "was never erased"
    return [*said, f"{after['name']} {was}."]
