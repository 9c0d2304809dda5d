"""Rings of a worker that found more in its queue than it can do at once: another one may be idle.

Like every ring it may get lost: the rows wait, and the reaper rings again.
"""

import logging

from celery import Celery
from kombu.exceptions import KombuError, OperationalError
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

IMPATIENT = {
    "socket_connect_timeout": 1.0,
    "socket_timeout": 1.0,
    "max_retries": 0,
    "interval_start": 0,
    "interval_step": 0,
    "interval_max": 0,
}


def ring(celery: Celery, queue: str) -> None:
    """Tell the queue's workers to look, unless a ring waits there already. A second or two where the broker is down."""
    try:
        # A connection of its own: the worker's waits for the broker for ever.
        with celery.connection_for_write().clone(transport_options=IMPATIENT) as connection:
            if not connection.default_channel.client.llen(queue):
                celery.send_task(f"sepme.{queue}", queue=queue, connection=connection, retry=False)
    except (KombuError, OperationalError, RedisError, OSError) as trouble:
        logger.warning("The broker did not take the ring for %s (%s); the rows wait.", queue, trouble)
