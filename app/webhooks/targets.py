"""The webhooks that SEPME_WEBHOOKS names, in a file of TOML: read as a front end starts, by the rules of requests."""

import base64
import logging
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError
from sqlalchemy import Engine

from app.fields import Body
from app.webhooks import reaching
from app.webhooks.schemas import WebhookBody
from sepme_core.registry import database, webhooks
from sepme_core.registry.errors import WebhookNameTaken
from sepme_core.registry.webhooks import SECRET_PREFIX, Target
from sepme_core.settings import Settings

SETTING = "SEPME_WEBHOOKS"
SECRET_BYTES = range(24, 65)
"""As Standard Webhooks bounds them."""

logger = logging.getLogger(__name__)


class Refused(Exception):
    """The settings name webhooks that cannot be; the text says which field is wrong, and what helps."""


class _Named(WebhookBody):
    secret_file: Annotated[str, Field(min_length=1)]


class _Listed(Body):
    webhooks: list[_Named] = Field(default_factory=list)


def read(settings: Settings, resolve: reaching.LookUp = reaching.look_up) -> Sequence[Target]:
    """Read what the settings name. A name without an address is no refusal: it is looked at for each message.

    Raises:
        Refused: with all that is wrong.
    """
    file = settings.webhooks
    if file is None:
        return ()
    named = _listed(file).webhooks
    allowing = reaching.allowed(settings.webhooks_allow)
    wrong, targets = list(_named_twice(named)), []
    for place, each in enumerate(named):
        try:
            _look(each, allowing, resolve)
        except reaching.Unreachable as reason:
            wrong.append(f"webhooks[{place}].url {reason}")
        try:
            targets.append(Target(each.name, each.url, each.events, _secret(file.parent / each.secret_file)))
        except ValueError as reason:
            wrong.append(f"webhooks[{place}].secret_file {reason}")
    if wrong:
        raise _refused(settings, wrong)
    return targets


def follow(engine: Engine, settings: Settings, targets: Sequence[Target]) -> None:
    """Have the webhooks of the settings be these and no others.

    Raises:
        Refused: a request has made one of such a name.
    """
    try:
        with database.writing(engine) as session:
            webhooks.follow(session, targets)
    except WebhookNameTaken as taken:
        reason = (
            f"{taken.name!r} is the name of a webhook that a request has made: choose another, or take it out of the "
            f"file until that one is deleted (DELETE /webhooks/{taken.name})"
        )
        raise _refused(settings, [reason]) from None


def _refused(settings: Settings, wrong: Sequence[str]) -> Refused:
    return Refused(f"{SETTING}: {settings.webhooks} cannot be used: {'; '.join(wrong)}.")


def _listed(file: Path) -> _Listed:
    try:
        return _Listed.model_validate(tomllib.loads(file.read_text("utf-8")))
    except OSError as error:
        raise Refused(f"{SETTING}: {file} cannot be read: {error.strerror}.") from None
    except ValidationError as error:
        wrong = [f"{_spelt(each['loc'])}: {each['msg'].removeprefix('Value error, ')}" for each in error.errors()]
        raise Refused(f"{SETTING}: {file} cannot be used: {'; '.join(wrong)}.") from None
    except ValueError as error:
        raise Refused(f"{SETTING}: {file} is not TOML: {error}.") from None


def _spelt(location: Sequence[str | int]) -> str:
    """A place as TOML's users write it, as in webhooks[0].events[1]."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).removeprefix(".")


def _named_twice(named: Sequence[_Named]) -> Iterator[str]:
    first: set[str] = set()
    for place, each in enumerate(named):
        if each.name in first:
            yield f"webhooks[{place}].name must be another: {each.name!r} stands there twice"
        first.add(each.name)


def _look(named: _Named, allowing: reaching.Allowed, resolve: reaching.LookUp) -> None:
    try:
        reaching.look(named.url, allowing, resolve)
    except reaching.Unresolved as reason:
        logger.warning("The address of the webhook %r %s; it is looked at again for each message.", named.name, reason)


def _secret(file: Path) -> str:
    try:
        text = file.read_text("ascii").strip()
    except OSError as error:
        raise ValueError(f"must be a file that can be read: {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        text = ""
    try:
        fits = len(base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)) in SECRET_BYTES
    except ValueError:
        fits = False
    if not fits or not text.startswith(SECRET_PREFIX):
        made = f'echo "{SECRET_PREFIX}$(openssl rand -base64 32)"'
        raise ValueError(f"must hold {SECRET_PREFIX!r} and 24 to 64 bytes in Base64, as {made} writes them: {file}")
    return text
