"""Trouble of what the work stands on, the database or the blob store: no fault of the job, which is tried again."""

import logging
import os
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.orm import Session

from sepme_core.registry.blobs import Blobs
from sepme_core.registry.database import writing
from worker.lease import Drain

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

INSIST_SECONDS = 30.0
PAUSE_SECONDS = 0.5
MOST_PUT_BACK = 10
LONGEST_PAUSE_SECONDS = 30.0
TRIAL_BYTES = 4096


def is_trouble(error: BaseException) -> bool:
    """Whether it is the surroundings that failed: the database, a connection, a disk."""
    if isinstance(error, (OperationalError, InterfaceError, NoConnection, OSError)):
        return True
    return isinstance(error, DBAPIError) and error.connection_invalidated


def said(error: BaseException) -> str:
    """The trouble in a few words, without what was being written."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    first_line = str(cause).strip().partition("\n")[0]
    return f"{type(cause).__name__}: {first_line}"[:200]


def pause_after(troubles: int) -> float:
    """Seconds until a job that was put back so often is tried again: 1, 2, 4 and so on."""
    return min(2.0 ** max(troubles - 1, 0), LONGEST_PAUSE_SECONDS)


def wait_out(drain: Drain, seconds: float, works: Callable[[], bool]) -> None:
    """Wait so long, or until what is seen not to work works again, or the worker is told to stop.

    Where it works at once the job meets what a trial does not, and is not to be tried every moment.
    """
    deadline = time.monotonic() + seconds
    if works():
        drain.sleep(seconds)
        return
    while not drain.begun and time.monotonic() < deadline:
        drain.sleep(PAUSE_SECONDS)
        if works():
            return


def is_usable(engine: Engine, blobs: Blobs) -> bool:
    """Whether the database takes a transaction, and the blob store a few bytes."""
    try:
        blobs.delete(blobs.put(os.urandom(TRIAL_BYTES)))
        with writing(engine) as session:
            session.connection()
    except Exception as error:
        if not is_trouble(error):
            raise
        return False
    return True


def insist(engine: Engine, change: Callable[[Session], Answer], seconds: float = INSIST_SECONDS) -> Answer:
    """Make a change in one transaction, again and again for a while where the database cannot be used.

    What was committed although the answer got lost is made twice: the change has to be fenced, as all that a claim
    writes is.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: the last trouble, once the time is up.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            with writing(engine) as session:
                return change(session)
        except Exception as error:
            if not is_trouble(error) or time.monotonic() >= deadline:
                raise
            logger.warning("The database cannot be used, and is tried again: %s", said(error))
            time.sleep(PAUSE_SECONDS)
