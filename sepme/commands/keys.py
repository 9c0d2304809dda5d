"""`sepme keys`: on this machine's registry, or at a service."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sepme.commands import machine, printing, service
from sepme.commands.endings import DONE
from sepme.commands.options import AsJson, Home, Local
from sepme.commands.service import KeyFile, ProfileName, Url
from sepme_core.keys_in_words import SCOPES_SAID, in_words

if TYPE_CHECKING:
    from sepme.client import Client

PROGRAM = "app.keys"
MOST_DAYS = 100 * 365
WHERE = (
    "On this machine's registry, beside a service or without one, unless a service is named (--url, --profile, "
    "SEPME_URL, SEPME_PROFILE, or the default profile): then there, with a key for `admin`. It is said on stderr which."
)

keys = typer.Typer(
    no_args_is_help=True,
    help="Make, list, rotate and revoke keys.\n\nKeys are for `Authorization: Bearer`. With the first one the service "
    f"closes to all who have none. {WHERE}",
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The key's name.")]


@keys.command(epilog=SCOPES_SAID)
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose it is: jobs and pictures belong to the name.")],
    scope: Annotated[list[str], typer.Option(metavar="SCOPE", help="What it is good for; several times, or a,b.")],
    floor: Annotated[
        list[str] | None,
        typer.Option(
            metavar="active|none|CONCEPT",
            help="What its pictures can never lack: all that is erased at the time (the default), nothing, or these; "
            "several times, or a,b.",
        ),
    ] = None,
    expires_in_days: Annotated[
        float | None, typer.Option(metavar="DAYS", min=0, max=MOST_DAYS, help="It ends by itself; never unless said.")
    ] = None,
    waiting_jobs: Annotated[int | None, typer.Option(metavar="N", help="Jobs of it that may wait at once.")] = None,
    pictures_a_minute: Annotated[int | None, typer.Option(metavar="N", help="Pictures a minute.")] = None,
    erasures_a_day: Annotated[int | None, typer.Option(metavar="N", help="Erasures a day.")] = None,
    as_json: AsJson = False,
    home: Home = None,
    local: Local = False,
    url: Url = None,
    key_file: KeyFile = None,
    profile: ProfileName = None,
) -> int:
    """Make a key, and show it once."""
    quotas = {
        "waiting_jobs": waiting_jobs,
        "pictures_a_minute": pictures_a_minute,
        "erasures_a_day": erasures_a_day,
    }
    if service.elsewhere(url, key_file, profile, home, local=local):
        ends = None if expires_in_days is None else datetime.now(UTC) + timedelta(days=expires_in_days)

        def make(client: "Client") -> Mapping[str, Any]:
            scopes: Any = _listed(scope)
            return client.keys.create(name, scopes, floor=_floor(floor), quotas=quotas, expires_at=ends)

        return _at_service(make, as_json=as_json, url=url, key_file=key_file, profile=profile)
    arguments = ["create", name]
    arguments += [f"--scope={each}" for each in scope] + [f"--floor={each}" for each in floor or []]
    arguments += [f"--{each.replace('_', '-')}={value}" for each, value in quotas.items() if value is not None]
    arguments += [] if expires_in_days is None else [f"--expires-in-days={expires_in_days}"]
    return _here(arguments, home, as_json=as_json)


@keys.command()
def first(
    file: Annotated[Path, typer.Option(metavar="FILE", help="Where it is written; nobody but its owner may read it.")],
    as_json: AsJson = False,
    home: Home = None,
) -> int:
    """On this machine, where no key was ever made: make one for `admin`, and write it to a file."""
    return _here(["first", f"--file={file}"], home, as_json=as_json)


@keys.command("list")
def list_keys(
    as_json: AsJson = False,
    home: Home = None,
    local: Local = False,
    url: Url = None,
    key_file: KeyFile = None,
    profile: ProfileName = None,
) -> int:
    """List the keys, revoked ones too."""
    if service.elsewhere(url, key_file, profile, home, local=local):
        return _at_service(
            lambda client: {"items": list(client.keys.list(page_size=200))},
            as_json=as_json,
            url=url,
            key_file=key_file,
            profile=profile,
        )
    return _here(["list"], home, as_json=as_json)


@keys.command()
def revoke(
    name: Name,
    as_json: AsJson = False,
    home: Home = None,
    local: Local = False,
    url: Url = None,
    key_file: KeyFile = None,
    profile: ProfileName = None,
) -> int:
    """End a key for good."""
    if service.elsewhere(url, key_file, profile, home, local=local):
        return _at_service(
            lambda client: client.keys.revoke(name), as_json=as_json, url=url, key_file=key_file, profile=profile
        )
    return _here(["revoke", name], home, as_json=as_json)


@keys.command()
def rotate(
    name: Name,
    overlap_seconds: Annotated[
        float, typer.Option(metavar="SECONDS", help="So long the old secret is good too.")
    ] = 0.0,
    as_json: AsJson = False,
    home: Home = None,
    local: Local = False,
    url: Url = None,
    key_file: KeyFile = None,
    profile: ProfileName = None,
) -> int:
    """Give a key a new secret, and show it once."""
    if service.elsewhere(url, key_file, profile, home, local=local):
        return _at_service(
            lambda client: client.keys.rotate(name, overlap_seconds=overlap_seconds),
            as_json=as_json,
            url=url,
            key_file=key_file,
            profile=profile,
        )
    return _here(["rotate", name, f"--overlap-seconds={overlap_seconds}"], home, as_json=as_json)


Asked = Callable[["Client"], Mapping[str, Any]]


def _at_service(asked: Asked, *, as_json: bool, url: str | None, key_file: Path | None, profile: str | None) -> int:
    with service.connected(url, key_file, profile, as_json=as_json) as client:
        printing.note(f"At {client.connection.address}.")
        answer = asked(client)
    if as_json:
        printing.document(answer)
    else:
        printing.lines(in_words(answer))
    return DONE


def _here(arguments: list[str], home: str | None, *, as_json: bool) -> int:
    printing.note("On this machine's registry.")
    placed = [f"--home={home}"] if home else []
    return machine.run(PROGRAM, *arguments, *placed, *(["--json"] if as_json else []))


def _listed(said: list[str]) -> list[str]:
    return [each.strip() for part in said for each in part.split(",") if each.strip()]


def _floor(said: list[str] | None) -> Any:
    """As the service takes it: a word, or names."""
    listed = _listed(said or [])
    return listed[0] if listed in (["active"], ["none"]) else listed or None
