"""The doorbell: tells a worker that a row waits. The row is the truth, so a ring that gets lost is no loss.

A ring is one Celery message, `sepme.{queue}` with the job's id, on the list of that queue. It is sent from a thread of
its own: an answer never waits for the broker. Where the broker is down the ring is dropped and logged; the reaper rings
again.
"""

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import BoundedSemaphore

from celery import Celery
from prometheus_client import Counter

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 1.0
_WAITING_LIMIT = 1000


@dataclass(frozen=True)
class Ring:
    """One message: which job waits in which queue."""

    queue: str
    job_id: str


def make_producer(broker_url: str) -> Celery:
    """A Celery application that only sends: JSON, no results, one attempt with a short patience."""
    producer = Celery("sepme-doorbell", broker=broker_url, set_as_current=False)
    producer.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        broker_connection_timeout=CONNECT_SECONDS,
        broker_transport_options={
            "socket_connect_timeout": CONNECT_SECONDS,
            "socket_timeout": CONNECT_SECONDS,
            "max_retries": 0,
            "interval_start": 0,
            "interval_step": 0,
            "interval_max": 0,
        },
    )
    return producer


class Doorbell:
    """Rings for jobs. Thread-safe; `ring` returns at once and never raises.

    Args:
        broker_url: Where the workers listen, as Celery writes it; None: every ring is lost.
        rings: Counts rings by queue and outcome (`sent`, `lost`).
    """

    def __init__(self, broker_url: str | None, rings: Counter) -> None:
        self._producer = make_producer(broker_url) if broker_url else None
        self._rings = rings
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="doorbell")
        self._room = BoundedSemaphore(_WAITING_LIMIT)

    def ring(self, queue: str, job_id: str) -> None:
        """Tell the queue's worker that the job waits."""
        if self._room.acquire(blocking=False):
            self._thread.submit(self._send, Ring(queue, job_id))
        else:
            self._rings.labels(queue, "lost").inc()

    def complaint(self) -> str | None:
        """None where the broker answers, else why it does not. Takes up to about a second."""
        if self._producer is None:
            return "no broker is set (SEPME_BROKER_URL)"
        try:
            with self._producer.connection_for_write() as connection:
                connection.ensure_connection(max_retries=0, timeout=CONNECT_SECONDS)
                connection.default_channel.client.ping()
        except Exception as error:  # noqa: BLE001  (every transport raises its own)
            return f"the broker does not answer ({type(error).__name__})"
        return None

    def close(self) -> None:
        """Hang up after the ring under way; those that wait are lost, and the next reaper rings for their rows."""
        self._thread.shutdown(wait=True, cancel_futures=True)
        if self._producer is not None:
            self._producer.close()

    def _send(self, ring: Ring) -> None:
        self._room.release()
        if self._producer is None:
            self._rings.labels(ring.queue, "lost").inc()
            return
        try:
            self._producer.send_task(
                f"sepme.{ring.queue}", args=[ring.job_id], queue=ring.queue, retry=False, ignore_result=True
            )
        except Exception as error:  # noqa: BLE001  (every transport raises its own; the row waits)
            self._rings.labels(ring.queue, "lost").inc()
            logger.warning(
                "The broker did not take the ring for job %s (%s); the row waits.", ring.job_id, type(error).__name__
            )
        else:
            self._rings.labels(ring.queue, "sent").inc()
