"""`sepme erase`: a concept is erased, and what was measured is said."""

import json
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sepme.commands import certificates, following, printing
from sepme.commands.completion import concepts as names_of_concepts
from sepme.commands.endings import DONE, CannotDo
from sepme.commands.options import AsJson, Case, Reason
from sepme.commands.service import KeyFile, ProfileName, Url, connected
from sepme_core.terms import Kind

if TYPE_CHECKING:
    from sepme.client import Client

MOST = 1000
"""So many of what it is held against are counted."""


def erase(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The concept: a-z, 0-9 and -.", autocompletion=names_of_concepts)
    ],
    prompt: Annotated[
        list[str] | None,
        typer.Option(metavar="TEXT", help="How it is said; several times. Else its name, hyphens as spaces."),
    ] = None,
    kind: Annotated[Kind | None, typer.Option(help="What it is; chooses the sentences around the prompts.")] = None,
    protect: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="A prompt that must not change; several times.")
    ] = None,
    substitute: Annotated[str | None, typer.Option(metavar="TEXT", help="What is drawn instead; else chosen.")] = None,
    same_as: Annotated[
        str | None, typer.Option(metavar="CONCEPT", help="It is a further name of this concept.")
    ] = None,
    irrevocable: Annotated[
        bool, typer.Option("--irrevocable", help="For good: it can never be restored, and is in every mask.")
    ] = False,
    override: Annotated[
        bool,
        typer.Option("--override", help="In spite of an overlap with what is protected, or of what is still seen."),
    ] = False,
    option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="A setting of the eraser, as in max_steps=200; several times. A wrong name lists all.",
        ),
    ] = None,
    case: Case = None,
    reason: Reason = None,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Follow it to its end, or leave it with its job's number.")
    ] = True,
    as_json: AsJson = False,
    url: Url = None,
    key_file: KeyFile = None,
    profile: ProfileName = None,
) -> int:
    """Erase a concept, and say what was measured of it.

    What it is held against comes first, then its progress with the time left, both on stderr; then its certificate in
    words (docs/certificate.md). Refused, it ends with 1, the problem and what helps.
    """
    settings = read_options(option or [])
    with connected(url, key_file, profile, as_json=as_json) as client:
        if not as_json:
            printing.note(_held_against(client, name, protect or []))
        job = client.concepts.erase(
            name,
            kind=kind,
            prompts=prompt,
            protect=protect,
            substitute=substitute,
            same_as=same_as,
            irrevocable=irrevocable or None,
            override=override or None,
            options=settings or None,
            case=case,
            reason=reason,
            wait=False,
        )
        document = following.to_its_end(job, f"Erasing {name}").document if wait else job.document
    if as_json:
        printing.document(document)
    elif document["state"] == "succeeded":
        result: Any = document["result"]
        printing.lines(certificates.said(result))
    elif not wait:
        printing.lines([following.accepted(document)])
    return following.ending(document) if wait or document["state"] in {"failed", "cancelled"} else DONE


def read_options(said: list[str]) -> dict[str, Any]:
    """Settings of the eraser, each NAME=VALUE.

    Raises:
        CannotDo: one is not, is unknown, or cannot have that value.
    """
    read: dict[str, Any] = {}
    for each in said:
        name, separator, value = each.partition("=")
        if not separator:
            raise CannotDo(f"--option {each}: write it as NAME=VALUE, as in max_steps=200")
        try:
            read[name] = json.loads(value)
        except ValueError:
            read[name] = value
    if read:
        from sepme_core.options import check_options

        try:
            check_options(read)
        except ValueError as refusal:
            raise CannotDo(f"--option: {refusal}") from refusal
    return read


def _held_against(client: "Client", name: str, protect: list[str]) -> str:
    """What must not change by it: everything that is known, what is protected for all, and what is asked for."""
    known = [each["name"] for each in islice(client.concepts.list(page_size=200), MOST) if each["name"] != name]
    protected = [each["name"] for each in islice(client.protected.list(page_size=200), MOST)]
    parts = [
        f"{len(found)} {what} ({printing.names(found)})"
        for what, found in (("known", known), ("protected", protected), ("asked for", protect))
        if found
    ]
    return f"Held against: {'; '.join(parts) or 'nothing yet but what the model is known to draw'}."
