import logging
import time

import pytest
from celery import Celery

from worker import doorbell


def test_a_ring_is_the_task_that_workers_of_the_queue_listen_for(broker_url: str) -> None:
    worker = Celery(broker=broker_url, set_as_current=False)
    doorbell.ring(worker, "erase")
    with worker.connection_for_read() as connection, connection.SimpleQueue("erase") as queue:
        message = queue.get(timeout=5)
        message.ack()
    assert message.headers["task"] == "sepme.erase"
    assert message.payload[0] == []


def test_no_ring_is_added_to_one_that_waits(broker_url: str) -> None:
    worker = Celery(broker=broker_url, set_as_current=False)
    for _ in range(5):
        doorbell.ring(worker, "erase")
    with worker.connection_for_read() as connection:
        assert connection.default_channel.client.llen("erase") == 1


def test_a_broker_that_is_down_costs_the_ring_and_little_time(caplog: pytest.LogCaptureFixture) -> None:
    worker = Celery(broker="redis+socket:///nowhere/broker.sock", set_as_current=False)
    started = time.monotonic()
    with caplog.at_level(logging.WARNING):
        doorbell.ring(worker, "erase")
    assert time.monotonic() - started < 5
    assert "did not take the ring for erase" in caplog.text
