import re
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from tests.sepme.processes import running, until

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "nginx.conf"
EVENTS_LOCATION = re.compile(r"location ~ (\S+) \{([^}]*)\}")
PAUSE = 1.0


class Streaming(BaseHTTPRequestHandler):
    """Sends one event at once and the next after a second."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(b"data: first\n\n")
        self.wfile.flush()
        time.sleep(PAUSE)
        self.wfile.write(b"data: second\n\n")

    def log_message(self, *_arguments: object) -> None:
        pass


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def proxied(tmp_path: Path) -> Iterator[str]:
    """The configuration as it stands but for its ports, run by the real nginx before a server that streams."""
    port = free_port()
    with ThreadingHTTPServer(("127.0.0.1", 0), Streaming) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        text = CONFIGURATION.read_text()
        text = text.replace("127.0.0.1:8000", f"127.0.0.1:{server.server_port}").replace("8080", f"127.0.0.1:{port}")
        (tmp_path / "nginx.conf").write_text(f"pid {tmp_path}/pid;\nerror_log {tmp_path}/error.log;\n{text}")
        try:
            command = ("nginx", "-e", f"{tmp_path}/error.log", "-c", f"{tmp_path}/nginx.conf", "-g", "daemon off;")
            with running(*command):
                until(lambda: listens(port))
                yield f"http://127.0.0.1:{port}"
        finally:
            server.shutdown()
            thread.join()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_events_are_not_buffered_and_everything_else_may_be() -> None:
    ((pattern, body),) = EVENTS_LOCATION.findall(CONFIGURATION.read_text())
    assert re.search(pattern, "/jobs/Zk3-_x/events")
    assert not re.search(pattern, "/jobs/Zk3-_x")
    assert "proxy_buffering off;" in body


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_through_nginx_an_event_arrives_when_it_is_sent(tmp_path: Path) -> None:
    with proxied(tmp_path) as address, httpx.stream("GET", f"{address}/jobs/1/events", trust_env=False) as answer:
        arrivals = [(line, time.monotonic()) for line in answer.iter_lines() if line]
    assert [line for line, _moment in arrivals] == ["data: first", "data: second"]
    assert arrivals[1][1] - arrivals[0][1] > PAUSE / 2
