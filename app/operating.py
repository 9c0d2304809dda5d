"""The course of what operators type on the machine itself: by its settings, past HTTP, beside a service or without."""

import argparse
import os
import sys
from collections.abc import Callable

from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from app.problems import Problem
from sepme_core.registry import errors, key_secrets
from sepme_core.settings import Settings, refusal_said

DONE, CANNOT = 0, 2
PRIVATE_UMASK = 0o077
"""Of what is made here: prompts, pictures and hashes are nobody else's."""

Explained = Callable[[errors.RegistryError], str]


class CannotDo(Exception):
    """It cannot be done as asked; the message says why and what helps."""


def add_home(parser: argparse.ArgumentParser) -> None:
    """Give a command the option by which its state folder is named."""
    parser.add_argument("--home", help="the state folder (SEPME_HOME)")


def operate(work: Callable[[Settings], None], home: str | None, explained: Explained = str) -> int:
    """Do the work with this machine's settings, and say on stderr why it could not be done.

    Args:
        work: does it, and prints what came of it.
        home: the state folder, where an option names one.
        explained: what the registry's refusals are called here, and what helps.

    Returns: the exit status, 0, or 2 where it cannot be done as asked.
    """
    os.umask(PRIVATE_UMASK)
    if home:
        os.environ["SEPME_HOME"] = home
    try:
        work(Settings())
    except errors.RegistryError as reason:
        return _refuse(explained(reason))
    except (CannotDo, key_secrets.PepperUnusable) as reason:
        return _refuse(str(reason))
    except Problem as problem:
        return _refuse(f"{problem.detail} {problem.remedy}")
    except ValidationError as refusal:
        return _refuse("\n".join(["These settings cannot be used:", *refusal_said(refusal)]))
    except SQLAlchemyError as reason:
        return _refuse(f"the registry cannot be used: {getattr(reason, 'orig', None) or reason}")
    return DONE


def _refuse(reason: str) -> int:
    print(f"sepme: {reason}", file=sys.stderr)
    return CANNOT
