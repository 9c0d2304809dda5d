"""Rings of a worker: for jobs that its own work has called for, such as re-projections.

Like every ring it may get lost: the row waits, and the reaper rings again.
"""

import logging

from celery import Celery
from kombu.exceptions import KombuError, OperationalError

logger = logging.getLogger(__name__)

IMPATIENT = {
    "socket_connect_timeout": 1.0,
    "socket_timeout": 1.0,
    "max_retries": 0,
    "interval_start": 0,
    "interval_step": 0,
    "interval_max": 0,
}


def ring(celery: Celery, queue: str, job_id: str) -> None:
    """Tell the queue's workers that the job waits. Takes up to a second or two where the broker is down."""
    try:
        # A connection of its own: the worker's waits for the broker for ever.
        with celery.connection_for_write().clone(transport_options=IMPATIENT) as connection:
            celery.send_task(f"sepme.{queue}", args=[job_id], queue=queue, connection=connection, retry=False)
    except (KombuError, OperationalError, OSError) as trouble:
        logger.warning("The broker did not take the ring for job %s (%s); the row waits.", job_id, trouble)
