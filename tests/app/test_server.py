"""What the server itself answers, and what it bounds, by real sockets."""

import resource
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from app.problems import MEDIA_TYPE
from app.server import RESERVE
from sepme_core.settings import Settings
from tests.app import raw, working
from tests.app.running import RunningService, running
from tests.app.test_process import front_end

HALF_A_HEAD = b"GET /model HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
POST = b"POST /generate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
HALF_A_BODY = POST + b"Content-Length: 9\r\n\r\n{"


def bounded(settings: Settings, *, connections: int = 512, request_seconds: float = 15.0) -> Settings:
    return settings.model_copy(update={"connections": connections, "request_seconds": request_seconds})


def check(answer: raw.RawAnswer | None, status: int, slug: str) -> None:
    assert answer is not None, "the connection ended without an answer"
    assert (answer.status, answer.headers["content-type"]) == (status, MEDIA_TYPE)
    assert (answer.document["type"], answer.document["status"]) == (f"/problems/{slug}", status)
    assert all(answer.document[member] for member in ("title", "detail", "remedy"))


@pytest.mark.parametrize(
    ("data", "status", "slug"),
    [
        (b"nonsense\r\n\r\n", 400, "malformed-request"),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "malformed-request"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "malformed-request"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 400, "malformed-request"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 70_000, 431, "head-too-large"),
    ],
)
def test_what_is_no_http_is_a_problem_like_any_other(
    service: RunningService, data: bytes, status: int, slug: str
) -> None:
    check(raw.send(service.port, data), status, slug)


def test_who_goes_on_sending_after_a_refusal_reads_it_all_the_same(service: RunningService) -> None:
    with raw.connect(service.port) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 70_000)
        time.sleep(0.2)  # refused by now: what is sent from here on nobody will read
        connection.sendall(b"x" * 10_000)
        time.sleep(0.2)
        check(raw.read(connection), 431, "head-too-large")


def test_who_never_ends_a_refused_connection_is_let_go(service: RunningService) -> None:
    with raw.connect(service.port) as connection:
        connection.sendall(b"nonsense\r\n\r\n")
        check(raw.read(connection), 400, "malformed-request")  # its own side stays open
        with pytest.raises(ConnectionError):
            working.eventually(lambda: connection.send(b"x") == 0)


def test_a_body_that_breaks_off_http_is_a_problem_too(service: RunningService) -> None:
    with raw.connect(service.port) as connection:
        connection.sendall(POST + b"Transfer-Encoding: chunked\r\n\r\n")
        time.sleep(0.2)  # the application waits for the body by now
        connection.sendall(b"zzz\r\n")
        check(raw.read(connection), 400, "malformed-request")
    with service.client() as client:
        assert client.get("/livez").status_code == 200


@pytest.mark.parametrize("sent", [HALF_A_HEAD, HALF_A_BODY])
def test_a_request_that_does_not_come_whole_is_given_up(settings: Settings, sent: bytes) -> None:
    with running(bounded(settings, request_seconds=0.5)) as service, raw.connect(service.port) as connection:
        connection.sendall(sent)
        started = time.monotonic()
        check(raw.read(connection), 408, "request-timeout")
        assert 0.3 < time.monotonic() - started < 5


def test_bytes_that_trickle_in_win_no_time(settings: Settings) -> None:
    with running(bounded(settings, request_seconds=0.5)) as service, raw.connect(service.port) as connection:
        connection.sendall(HALF_A_HEAD)
        connection.settimeout(0.1)
        started, answer = time.monotonic(), b""
        while not answer and time.monotonic() - started < 5:
            try:
                connection.sendall(b"x")
                answer = connection.recv(1000)
            except TimeoutError:
                continue
        assert answer.startswith(b"HTTP/1.1 408 ")


def test_a_connection_on_which_nothing_was_asked_ends_without_a_word(settings: Settings) -> None:
    with running(bounded(settings, request_seconds=0.5)) as service, raw.connect(service.port) as connection:
        assert raw.read(connection) is None


def test_a_connection_may_be_used_again_for_longer_than_one_request_may_take(settings: Settings) -> None:
    with running(bounded(settings, request_seconds=0.5)) as service, raw.connect(service.port) as connection:
        for _request in range(3):
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = b""
            while not answer.endswith(b"}"):
                answer += connection.recv(10_000)
            assert answer.startswith(b"HTTP/1.1 200 ")
            time.sleep(0.7)


@pytest.fixture
def many_files() -> Iterator[None]:
    """As many open files as a thousand sockets of the test itself need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_files")
def test_a_thousand_half_open_heads_shut_nobody_out(settings: Settings) -> None:
    with front_end(settings) as (process, client), ExitStack() as stack:
        port = int(str(client.base_url).rpartition(":")[2])
        for _connection in range(1010):
            stack.enter_context(raw.connect(port)).sendall(HALF_A_HEAD)
        working.eventually(lambda: len(list(Path(f"/proc/{process.pid}/fd").iterdir())) < 600)
        with httpx.Client(base_url=client.base_url, timeout=5, verify=False) as another:
            assert another.get("/livez").status_code == 200
            assert another.get("/jobs").status_code == 200


def test_who_has_owed_a_request_longest_makes_room(settings: Settings) -> None:
    with running(bounded(settings, connections=8)) as service, ExitStack() as stack:
        half_open = [stack.enter_context(raw.connect(service.port)) for _connection in range(8)]
        for connection in half_open:
            connection.sendall(HALF_A_HEAD)
            time.sleep(0.02)
        with service.client() as client:
            assert client.get("/livez").status_code == 200
        check(raw.read(half_open[0]), 503, "too-many-connections")
        half_open[-1].sendall(b"x\r\nConnection: close\r\n\r\n")
        check(raw.read(half_open[-1]), 503, "model-not-ready")


def test_where_all_are_being_answered_only_signs_of_life_are(settings: Settings) -> None:
    with running(bounded(settings, connections=8)) as service, ExitStack() as stack:
        with service.client() as client:
            job_id = client.post("/concepts/cat/erase").json()["id"]
        held = [stack.enter_context(raw.connect(service.port)) for _connection in range(8)]
        for connection in held:
            connection.sendall(f"GET /jobs/{job_id} HTTP/1.1\r\nHost: localhost\r\nPrefer: wait=60\r\n\r\n".encode())
        measured = service.services.measures.registry
        working.eventually(lambda: measured.get_sample_value("sepme_http_requests_in_flight") == 8)
        with service.client() as client:
            refused = client.get("/jobs")
            assert (refused.status_code, refused.json()["type"]) == (503, "/problems/too-many-connections")
            assert int(refused.headers["retry-after"]) > 0
            assert client.get("/livez").status_code == 200
        for _connection in range(RESERVE + 8):
            with raw.connect(service.port) as another:
                another.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                assert b" 200 " in another.recv(1000)
        for connection in held:
            connection.shutdown(socket.SHUT_RDWR)


def test_who_is_still_waiting_when_the_server_ends_is_told_so(settings: Settings) -> None:
    with front_end(settings) as (process, client), raw.connect(int(str(client.base_url).rpartition(":")[2])) as slow:
        slow.sendall(HALF_A_BODY)
        working.eventually(lambda: "requests_in_flight 2.0" in client.get("/metrics").text)
        client.close()
        process.send_signal(signal.SIGTERM)
        check(raw.read(slow), 503, "service-stopping")
