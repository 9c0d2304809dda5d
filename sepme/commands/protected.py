"""`sepme protected`: prompts that no increment may change."""

from typing import Annotated

import typer

from sepme.commands import printing
from sepme.commands.endings import DONE
from sepme.commands.options import AsJson, Case, Reason
from sepme.commands.service import KeyFile, ProfileName, Url, connected

protected = typer.Typer(no_args_is_help=True, help="Protect prompts that no erasure may change: list, add, remove.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The entry.")]


@protected.command("list")
def list_protected(
    as_json: AsJson = False, url: Url = None, key_file: KeyFile = None, profile: ProfileName = None
) -> int:
    """List what is protected."""
    with connected(url, key_file, profile, as_json=as_json) as client:
        listed = list(client.protected.list(page_size=200))
    if as_json:
        printing.document({"items": listed})
    else:
        rows = ([each["name"], ", ".join(each["prompts"]), each["updated_at"][:19]] for each in listed)
        printing.table(("name", "prompts", "updated"), rows, "Nothing is protected yet.")
    return DONE


@protected.command()
def add(
    name: Name,
    prompt: Annotated[list[str], typer.Option(metavar="TEXT", help="What no increment may change; several times.")],
    case: Case = None,
    reason: Reason = None,
    as_json: AsJson = False,
    url: Url = None,
    key_file: KeyFile = None,
    profile: ProfileName = None,
) -> int:
    """Protect prompts under a name, in place of those that stand there. Where a worker has to look, that is waited for.

    Refused, since something that is erased for good would be weakened, it ends with 1.
    """
    with connected(url, key_file, profile, as_json=as_json) as client:
        entry = client.protected.put(name, prompt, case=case, reason=reason)
    if as_json:
        printing.document(entry)
    else:
        printing.lines(
            [f"{entry['name']} protects {printing.names(entry['prompts'])}. Stored increments follow by jobs."]
        )
    return DONE


@protected.command()
def remove(
    name: Name,
    case: Case = None,
    reason: Reason = None,
    as_json: AsJson = False,
    url: Url = None,
    key_file: KeyFile = None,
    profile: ProfileName = None,
) -> int:
    """Protect these prompts no longer."""
    with connected(url, key_file, profile, as_json=as_json) as client:
        client.protected.delete(name, case=case, reason=reason)
    if as_json:
        printing.document({"removed": name})
    else:
        printing.lines([f"{name} is protected no longer."])
    return DONE
