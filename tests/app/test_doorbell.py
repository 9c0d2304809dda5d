import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from celery import Celery
from prometheus_client import CollectorRegistry, Counter

from app.doorbell import Doorbell
from sepme.serve.broker import program
from tests.app import working
from tests.conftest import short_folder, wait_for_valkey


@pytest.fixture
def rings() -> Counter:
    return Counter("rings", "Rings.", ["queue", "outcome"], registry=CollectorRegistry())


def count(rings: Counter, queue: str, outcome: str) -> float:
    found: float = rings.labels(queue, outcome)._value.get()
    return found


@pytest.fixture
def doorbell(broker_url: str, rings: Counter) -> Iterator[Doorbell]:
    doorbell = Doorbell(broker_url, rings)
    yield doorbell
    doorbell.close()


def test_a_worker_hears_the_ring_as_its_task(doorbell: Doorbell, broker_url: str) -> None:
    """As Celery's own worker takes it: from its queue, by the task's name; what is to be done stands in the rows."""
    doorbell.ring("erase")
    worker = Celery(broker=broker_url, set_as_current=False)
    with worker.connection_for_read() as connection, connection.SimpleQueue("erase") as queue:
        message = queue.get(timeout=5)
        message.ack()
    assert message.headers["task"] == "sepme.erase"
    assert message.content_type == "application/json"
    assert message.payload[0] == []
    assert message.headers["ignore_result"] is True


def test_a_thousand_rings_that_nobody_hears_are_one_message(
    doorbell: Doorbell, broker_url: str, rings: Counter
) -> None:
    for _ in range(1000):
        doorbell.ring("erase")
        doorbell.ring("generate")
    working.eventually(lambda: count(rings, "generate", "sent") == 1)
    doorbell.ring("erase")
    working.eventually(lambda: count(rings, "erase", "waiting") >= 1)
    with redis.Redis(unix_socket_path=broker_url.removeprefix("redis+socket://")) as broker:
        assert (broker.llen("erase"), broker.llen("generate")) == (1, 1)


def test_a_broker_that_is_down_is_no_ones_wait(rings: Counter) -> None:
    doorbell = Doorbell("redis+socket:///nowhere/broker.sock", rings)
    started = time.monotonic()
    for _ in range(20):
        doorbell.ring("erase")
    assert time.monotonic() - started < 0.5
    assert doorbell.complaint() is not None
    working.eventually(lambda: count(rings, "erase", "lost") >= 1)
    doorbell.close()


def test_a_broker_that_comes_back_is_rung_again(rings: Counter) -> None:
    with short_folder() as folder:
        socket = folder / "valkey.sock"
        doorbell = Doorbell(f"redis+socket://{socket}", rings)
        for attempt in (1, 2):
            with valkey(socket) as server:
                wait_for_valkey(socket, server)
                assert doorbell.complaint() is None
                doorbell.ring("erase")
                working.eventually(lambda: count(rings, "erase", "sent") == attempt, 5)  # noqa: B023
                with redis.Redis(unix_socket_path=str(socket)) as broker:
                    assert broker.llen("erase") == 1
                server.kill()
            assert doorbell.complaint() is not None
        doorbell.close()


def test_a_broker_that_hangs_holds_nobody_up(rings: Counter) -> None:
    with short_folder() as folder:
        socket = folder / "valkey.sock"
        doorbell = Doorbell(f"redis+socket://{socket}", rings)
        with valkey(socket) as server:
            wait_for_valkey(socket, server)
            doorbell.ring("erase")
            working.eventually(lambda: count(rings, "erase", "sent") == 1, 5)
            server.send_signal(19)
            started = time.monotonic()
            doorbell.ring("erase")
            assert doorbell.complaint() is not None
            doorbell.close()
            assert time.monotonic() - started < 10
            assert count(rings, "erase", "lost") == 1
            server.kill()


def valkey(socket: Path) -> "subprocess.Popen[bytes]":
    options = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(socket.parent)]
    return subprocess.Popen([program(), *options], stdout=subprocess.DEVNULL)
