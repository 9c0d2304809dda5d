"""Profiles: services that somebody speaks to often, each with its address and key, in a file of the user's own."""

import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sepme.commands.endings import CannotDo

MEMBERS = ("url", "key", "key_file")
EXAMPLE = """as in

    default = "studio"

    [profiles.studio]
    url = "https://sepme.example"
    key_file = "studio-key"
"""


@dataclass(frozen=True)
class Profile:
    """A service by a name of the user's.

    Attributes:
        name: the user's name for it.
        url: where it is.
        key: what it is spoken to with, None for none.
    """

    name: str
    url: str
    key: str | None = field(repr=False)


def file() -> Path:
    """Where profiles are kept, by the XDG base directory specification: `$XDG_CONFIG_HOME/sepme/config.toml`."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "sepme" / "config.toml"


def named(name: str) -> Profile:
    """The profile of a name.

    Raises:
        CannotDo: there is none, or its file or its key cannot be used.
    """
    where = file()
    profiles = _profiles(where, _read(where))
    if name not in profiles:
        known = f"it has {', '.join(profiles)}" if profiles else "it has none"
        raise CannotDo(f"{where} has no profile {name!r}; {known}. Name one of them, or add [profiles.{name}]")
    return _profile(where, name, profiles[name])


def default() -> Profile | None:
    """The profile that the file names as `default`, if there is a file and it names one.

    Raises:
        CannotDo: it, its file or its key cannot be used.
    """
    where = file()
    name = _read(where).get("default")
    return None if name is None else named(str(name))


def read_key(where: Path, said: str) -> str:
    """The key in a file.

    Args:
        where: the file; a pipe will do.
        said: what names it, for the refusal.

    Raises:
        CannotDo: it cannot be read, holds no key, or others may read it.
    """
    try:
        text = where.expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CannotDo(f"{said}: {where} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    refuse_shared(where.expanduser())
    if not text or len(text.split()) > 1:
        raise CannotDo(f"{said}: {where} does not hold a key: one line, sepme_…")
    return text


def refuse_shared(where: Path) -> None:
    """Refuse a file with a key that others than its owner may read.

    Raises:
        CannotDo: they may.
    """
    status = where.stat()
    if stat.S_ISREG(status.st_mode) and status.st_mode & 0o077:
        raise CannotDo(
            f"{where} holds a key, and others may read it (mode {status.st_mode & 0o777:o}): chmod 600 {where}"
        )


def _read(where: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(where.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise CannotDo(f"{where} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    except tomllib.TOMLDecodeError as error:
        raise CannotDo(f"{where} is no TOML: {error}; write it {EXAMPLE}") from error


def _profiles(where: Path, document: Mapping[str, Any]) -> Mapping[str, Any]:
    profiles = document.get("profiles", {})
    if not isinstance(profiles, dict):
        raise CannotDo(f"{where}: profiles is no table; write it {EXAMPLE}")
    return profiles


def _profile(where: Path, name: str, said: Any) -> Profile:
    text = isinstance(said, dict) and all(isinstance(value, str) for value in said.values())
    if not text or "url" not in said or not said.keys() <= set(MEMBERS) or {"key", "key_file"} <= said.keys():
        raise CannotDo(f"{where}: [profiles.{name}] takes url, and key_file or key if need be, each a text; {EXAMPLE}")
    if "key" in said:
        refuse_shared(where)
        return Profile(name, said["url"], said["key"])
    if "key_file" in said:
        key_file = where.parent / Path(said["key_file"]).expanduser()
        return Profile(name, said["url"], read_key(key_file, f"{where}: [profiles.{name}] key_file"))
    return Profile(name, said["url"], None)
