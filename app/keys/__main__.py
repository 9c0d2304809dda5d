"""`python -m app.keys create | first | list | revoke | rotate`, which is `sepme keys`: beside a service or without."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from app.operating import CannotDo, add_home, operate
from sepme_core.keys_in_words import SCOPES_SAID, in_words
from sepme_core.registry import audit_heads, database, errors, key_secrets, keys
from sepme_core.settings import Settings
from sepme_core.terms import OPERATOR, SCOPES, Floor, is_slug

LISTED = 1000
FIRST = "admin"


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what is asked for, and print what came of it.

    Returns: the exit status, 0, or 2 where it cannot be done as asked.
    """
    chosen = _parser().parse_args(arguments)

    def work(settings: Settings) -> None:
        answer = _in_registry(settings, _WORK[chosen.of_keys], chosen)
        print(json.dumps(answer, indent=1) if chosen.json else "\n".join(in_words(answer)))

    return operate(work, chosen.home, _explained)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sepme keys",
        description="Keys for `Authorization: Bearer`. With the first one the service closes to all who have none.",
    )
    of_keys = parser.add_subparsers(dest="of_keys", required=True)
    creating = of_keys.add_parser("create", help="make a key, and show it once", epilog=SCOPES_SAID)
    creating.add_argument("name", help="whose it is: jobs and pictures belong to the name")
    creating.add_argument("--scope", action="append", required=True, metavar="SCOPE", help="what it is good for; again")
    creating.add_argument(
        "--floor",
        action="append",
        metavar="active|none|CONCEPT",
        help="what its pictures can never lack: all that is erased at the time (the default), nothing, or these; again",
    )
    creating.add_argument("--expires-in-days", type=float, metavar="DAYS", help="it ends by itself; never unless said")
    creating.add_argument("--waiting-jobs", type=int, metavar="N", help="jobs of it that may wait at once")
    creating.add_argument("--pictures-a-minute", type=int, metavar="N")
    creating.add_argument("--erasures-a-day", type=int, metavar="N")
    first = of_keys.add_parser("first", help="where no key was ever made, make one for `admin` and write it to a file")
    first.add_argument("--file", type=Path, required=True, help="nobody but its owner may read it")
    of_keys.add_parser("list", help="list the keys, revoked ones too")
    revoking = of_keys.add_parser("revoke", help="end a key for good")
    revoking.add_argument("name")
    rotating = of_keys.add_parser("rotate", help="give a key a new secret, and show it once")
    rotating.add_argument("name")
    rotating.add_argument("--overlap-seconds", type=float, default=0.0, help="so long the old secret is good too (0)")
    for each in of_keys.choices.values():
        each.add_argument("--json", action="store_true", help="print one JSON document")
        add_home(each)
    return parser


Work = Callable[[Session, Settings, argparse.Namespace], Mapping[str, Any]]


def _in_registry(settings: Settings, work: Work, chosen: argparse.Namespace) -> Mapping[str, Any]:
    engine = database.make_engine(settings.database_url)
    try:
        audit_heads.keep(engine, settings.audit_heads)
        database.migrate(engine)
        with database.writing(engine) as session:
            return work(session, settings, chosen)
    finally:
        engine.dispose()


def _create(session: Session, settings: Settings, chosen: argparse.Namespace) -> Mapping[str, Any]:
    quotas = {name: getattr(chosen, name) for name in ("waiting_jobs", "pictures_a_minute", "erasures_a_day")}
    for name, value in quotas.items():
        if value is not None and value < 1:
            raise CannotDo(f"--{name.replace('_', '-')} must be 1 or more, not {value}")
    days = chosen.expires_in_days
    if days is not None and not days > 0:
        raise CannotDo(f"--expires-in-days must be more than 0, not {days:g}")
    wanted = keys.Wanted(
        name=_checked_name(chosen.name),
        scopes=_checked_scopes(chosen.scope),
        floor=_checked_floor(chosen.floor or ["active"]),
        quotas=quotas,
        expires_at=None if days is None else datetime.now(UTC) + timedelta(days=days),
    )
    made = keys.create(session, wanted, key_secrets.make_pepper(settings.keys_pepper), OPERATOR)
    return {**keys.document(made.key), "key": made.text}


def _first(session: Session, settings: Settings, chosen: argparse.Namespace) -> Mapping[str, Any]:
    """Written before the transaction ends: a key that nobody could read would close the service for good."""
    if keys.any_made(session):
        return {"made": False, "file": str(chosen.file)}
    wanted = keys.Wanted(FIRST, ["admin"], "none", {})
    made = keys.create(session, wanted, key_secrets.make_pepper(settings.keys_pepper), OPERATOR)
    try:
        chosen.file.parent.mkdir(parents=True, exist_ok=True)
        chosen.file.unlink(missing_ok=True)
        with os.fdopen(os.open(chosen.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(f"{made.text}\n")
    except OSError as reason:
        raise CannotDo(f"{chosen.file} cannot be written: {reason.strerror}; no key was made") from reason
    return {"made": True, "file": str(chosen.file)}


def _list(session: Session, _settings: Settings, _chosen: argparse.Namespace) -> Mapping[str, Any]:
    listed, cursor = [], None
    while True:
        page = keys.page(session, cursor, LISTED)
        listed += [keys.document(key) for key in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return {"items": listed}


def _revoke(session: Session, _settings: Settings, chosen: argparse.Namespace) -> Mapping[str, Any]:
    return {**keys.document(keys.revoke(session, chosen.name, OPERATOR))}


def _rotate(session: Session, settings: Settings, chosen: argparse.Namespace) -> Mapping[str, Any]:
    if not chosen.overlap_seconds >= 0:
        raise CannotDo(f"--overlap-seconds must be 0 or more, not {chosen.overlap_seconds:g}")
    pepper = key_secrets.read_pepper(settings.keys_pepper)
    made = keys.rotate(session, chosen.name, pepper, OPERATOR, chosen.overlap_seconds)
    return {**keys.document(made.key), "key": made.text}


_WORK: Mapping[str, Work] = {
    "create": _create,
    "first": _first,
    "list": _list,
    "revoke": _revoke,
    "rotate": _rotate,
}


def _checked_name(name: str) -> str:
    if not is_slug(name):
        raise CannotDo(f"{name!r} is no name: 1 to 64 of a-z, 0-9 and -, with a letter or digit at both ends")
    return name


def _checked_scopes(scopes: list[str]) -> list[Any]:
    listed = [scope for each in scopes for scope in each.split(",") if scope]
    for scope in listed:
        if scope not in SCOPES:
            raise CannotDo(f"{scope!r} is no scope: choose of {', '.join(SCOPES)}")
    return listed


def _checked_floor(floor: list[str]) -> Floor:
    listed = [name for each in floor for name in each.split(",") if name]
    if listed in (["active"], ["none"]):
        return listed[0]
    if not listed or {"active", "none"} & set(listed):
        raise CannotDo("--floor is `active`, `none`, or names of concepts, and not some of each")
    return listed


def _explained(reason: errors.RegistryError) -> str:
    match reason:
        case errors.KeyNameTaken():
            return f"{reason}: choose another name, or rotate that one (sepme keys rotate {reason.name})"
        case errors.UnknownKey():
            return f"{reason}; `sepme keys list` lists them"
        case errors.KeyRevoked():
            return f"{reason} for good; make another one under another name"
        case errors.FloorUnknown():
            return f"{reason}: erase it first, a floor of it would refuse every picture"
    return str(reason)


if __name__ == "__main__":
    sys.exit(main())
