"""How the doorbell is rung, by the front end and by workers alike. Neither Celery nor a broker is known here.

A ring is one Celery message without arguments, `sepme.{queue}`, on the list of that queue; where one waits already, no
other is sent: whoever takes it finds every row that was there by then. The row is the truth, so a ring that gets lost
is no loss: the reaper rings again.
"""

from typing import Any, Protocol

PATIENCE_SECONDS = 1.0
IMPATIENT: dict[str, Any] = {
    "socket_connect_timeout": PATIENCE_SECONDS,
    "socket_timeout": PATIENCE_SECONDS,
    "max_retries": 0,
    "interval_start": 0,
    "interval_step": 0,
    "interval_max": 0,
}
"""Transport options of whoever rings: one try, then the ring is dropped."""


class Sender(Protocol):
    """A Celery application, as far as it is needed."""

    def send_task(self, name: str, **options: Any) -> Any:
        """Send a message."""
        ...


def task_of(queue: str) -> str:
    """The name of the only task that a queue's workers have: to look."""
    return f"sepme.{queue}"


def ring(celery: Sender, connection: Any, queue: str) -> bool:
    """Tell a queue's workers to look; False where a ring waits there already.

    Args:
        celery: the application that sends.
        connection: kombu's connection to the broker, Redis' protocol behind it.
        queue: whose workers are told.

    Raises:
        Exception: of the transport's own kinds, where the broker does not take it.
    """
    if connection.default_channel.client.llen(queue):
        return False
    celery.send_task(task_of(queue), queue=queue, connection=connection, retry=False, ignore_result=True)
    return True
