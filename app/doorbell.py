"""The front end's doorbell: tells the workers of a queue to look.

A ring is sent from a thread of its own: an answer never waits for the broker. Where the broker is down the ring is
dropped and logged; the reaper rings again.
"""

import logging
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from celery import Celery
from prometheus_client import Counter

from sepme_core import doorbell

logger = logging.getLogger(__name__)


def make_producer(broker_url: str) -> Celery:
    """A Celery application that only sends: JSON, no results, one attempt with a short patience."""
    producer = Celery("sepme-doorbell", broker=broker_url, set_as_current=False)
    producer.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        broker_connection_timeout=doorbell.PATIENCE_SECONDS,
        broker_transport_options=doorbell.IMPATIENT,
    )
    return producer


class Doorbell:
    """Rings for queues. Thread-safe; `ring` returns at once and never raises.

    Args:
        broker_url: Where the workers listen, as Celery writes it; None: every ring is lost.
        rings: Counts rings by queue and outcome (`sent`, `waiting` where one is there already, `lost`).
    """

    def __init__(self, broker_url: str | None, rings: Counter) -> None:
        self._producer = make_producer(broker_url) if broker_url else None
        self._rings = rings
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="doorbell")
        self._asked: set[str] = set()
        self._lock = Lock()

    def ring(self, queue: str) -> None:
        """Tell the queue's workers that something waits."""
        with self._lock:
            if queue in self._asked:  # by a ring that is still to be sent
                return
            self._asked.add(queue)
        self._thread.submit(self._send, queue)

    def complaint(self) -> str | None:
        """None where the broker answers, else why it does not. Takes up to about a second."""
        if self._producer is None:
            return "no broker is set (SEPME_BROKER_URL)"
        try:
            with self._producer.connection_for_write() as connection:
                connection.ensure_connection(max_retries=0, timeout=doorbell.PATIENCE_SECONDS)
                connection.default_channel.client.ping()
        except Exception as error:  # noqa: BLE001  (every transport raises its own)
            return f"the broker does not answer ({type(error).__name__})"
        return None

    def close(self) -> None:
        """Hang up after the ring under way; those that wait are lost, and the next reaper rings."""
        self._thread.shutdown(wait=True, cancel_futures=True)
        if self._producer is not None:
            self._producer.close()

    def _send(self, queue: str) -> None:
        with self._lock:
            self._asked.discard(queue)
        if self._producer is None:
            self._rings.labels(queue, "lost").inc()
            return
        try:
            with self._producer.connection_or_acquire() as connection:
                outcome = "sent" if doorbell.ring(self._producer, connection, queue) else "waiting"
        except Exception as error:  # noqa: BLE001  (every transport raises its own; the row waits)
            outcome = "lost"
            logger.warning("The broker did not take the ring for %s (%s); the rows wait.", queue, type(error).__name__)
        self._rings.labels(queue, outcome).inc()
