"""Which service a command speaks to, and with whose key."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sepme.commands import printing, problems, profiles
from sepme.commands.endings import FINDING, SERVICE, CannotDo

if TYPE_CHECKING:
    from sepme.client import Client

PANEL = "Which service"
ORDER = (
    "Which service: --url, else --profile, else SEPME_URL, else SEPME_PROFILE, else the `default` of "
    "~/.config/sepme/config.toml, else this machine's (http://127.0.0.1:8000, or SEPME_PORT). With which key: "
    "--key-file, else that of --profile, else SEPME_KEY, else that of the other profile. A profile's key is sent to "
    "the profile's own address alone."
)
"""For `--help`."""

Url = Annotated[str | None, typer.Option(metavar="URL", help="Its address (SEPME_URL).", rich_help_panel=PANEL)]
KeyFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="The file that holds the key (SEPME_KEY is the key).", rich_help_panel=PANEL),
]
ProfileName = Annotated[
    str | None,
    typer.Option("--profile", metavar="NAME", help="A profile of the file (SEPME_PROFILE).", rich_help_panel=PANEL),
]


@dataclass(frozen=True)
class Service:
    """A service to speak to.

    Attributes:
        url: where it is.
        key: with which it is spoken to; None for none.
        said_by: what named it, in words; "" where nothing did.
    """

    url: str
    key: str | None = field(repr=False)
    said_by: str


def chosen(url: str | None, key_file: Path | None, profile: str | None) -> Service:
    """The service that options, variables or the file of profiles name; else this machine's.

    Raises:
        CannotDo: a profile or a key cannot be used.
    """
    address, own_key, said_by = _address(url, profile)
    if key_file is not None:
        key: str | None = profiles.read_key(key_file, "--key-file")
    elif said_by == "--profile" and own_key:
        key = own_key
    else:
        key = os.environ.get("SEPME_KEY") or own_key
    return Service(address.rstrip("/"), key, said_by)


def _address(url: str | None, profile: str | None) -> tuple[str, str | None, str]:
    """The address, the key of the profile that it is of, and what named it."""
    if url:
        return url, None, "--url"
    if profile:
        named = profiles.named(profile)
        return named.url, named.key, "--profile"
    if said := os.environ.get("SEPME_URL"):
        return said, None, "SEPME_URL"
    if said := os.environ.get("SEPME_PROFILE"):
        named = profiles.named(said)
        return named.url, named.key, "SEPME_PROFILE"
    if found := profiles.default():
        return found.url, found.key, f"profile {found.name}"
    return f"http://127.0.0.1:{os.environ.get('SEPME_PORT') or 8000}", None, ""


def elsewhere(url: str | None, key_file: Path | None, profile: str | None, home: str | None, *, local: bool) -> bool:
    """Whether what can be done on this machine's registry is to be asked of a service instead: where one is named.

    Raises:
        CannotDo: both are asked for.
    """
    if local or home:
        if url or profile or key_file:
            asked = "--local" if local else "--home"
            raise CannotDo(f"{asked} is this machine's registry, and --url, --profile and --key-file are for a service")
        return False
    return bool(key_file or _address(url, profile)[2])


@contextmanager
def connected(url: str | None, key_file: Path | None, profile: str | None, *, as_json: bool) -> "Iterator[Client]":
    """Speak to the service that is chosen; what goes wrong meanwhile is said as a command says it.

    Args:
        url: what `--url` says.
        key_file: what `--key-file` says.
        profile: what `--profile` says.
        as_json: print the problem as a document on stdout too.

    Raises:
        CannotDo: the service cannot be chosen or reached, refuses, or fails.
    """
    from sepme import client

    service = chosen(url, key_file, profile)
    try:
        with client.Client(service.url, service.key) as line:
            yield line
    except client.ProblemError as error:
        problem = {**error.problem, "request_id": getattr(error, "request_id", None)}
        ending = FINDING if isinstance(error, client.JobFailed) else problems.status_of(problem)
        raise _refusal(problem, ending, as_json=as_json) from error
    except client.InvalidArgument as error:
        raise CannotDo(str(error)) from error
    except client.SepmeError as error:
        title = "The service cannot be spoken to"
        problem = {"type": "about:blank", "title": title, "detail": str(error)}
        raise _refusal(problem, SERVICE, as_json=as_json) from error


def _refusal(problem: Mapping[str, Any], ending: int, *, as_json: bool) -> CannotDo:
    if as_json:
        printing.document({name: value for name, value in problem.items() if value is not None})
    return CannotDo(problems.said(problem), ending)
