"""Rings of a worker that found more in its queue than it can do at once: another one may be idle.

Like every ring it may get lost: the rows wait, and the reaper rings again.
"""

import logging

from celery import Celery
from kombu.exceptions import KombuError, OperationalError
from redis.exceptions import RedisError

from sepme_core import doorbell

logger = logging.getLogger(__name__)


def ring(celery: Celery, queue: str) -> None:
    """Tell the queue's workers to look, unless a ring waits there already. A second or two where the broker is down."""
    try:
        # A connection of its own: the worker's waits for the broker for ever.
        with celery.connection_for_write().clone(transport_options=doorbell.IMPATIENT) as connection:
            doorbell.ring(celery, connection, queue)
    except (KombuError, OperationalError, RedisError, OSError) as trouble:
        logger.warning("The broker did not take the ring for %s (%s); the rows wait.", queue, trouble)
