"""A line to a service that fails as lines do: a proxy on a loopback port that does to each request what a test says."""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx

HOPS = {"connection", "content-length", "host", "keep-alive", "transfer-encoding"}


@dataclass(frozen=True)
class Answered:
    """The line answers by itself; the request goes no further."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"<html>not the service</html>"


@dataclass(frozen=True)
class Reset:
    """The line breaks before the request has gone any further."""


@dataclass(frozen=True)
class AnswerLost:
    """The service does what it is asked; its answer never arrives."""


@dataclass(frozen=True)
class CutAfter:
    """Of a stream so many events arrive."""

    events: int


Fault = Answered | Reset | AnswerLost | CutAfter


@dataclass
class FaultyLine:
    """Where it listens, what it does to the next requests, and which came."""

    url: str
    service: str
    faults: list[Fault] = field(default_factory=list)
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    def headers(self, name: str) -> list[str | None]:
        """A header of each request that came."""
        return [headers.get(name.lower()) for _, _, headers in self.seen]


class _Server(ThreadingHTTPServer):
    daemon_threads = False

    def __init__(self, service: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.line = FaultyLine(f"http://127.0.0.1:{self.server_address[1]}", service)


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline()
        if self.raw_requestline and self.parse_request():
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self._do(self.server.line, {name.lower(): value for name, value in self.headers.items()}, body)
        self.close_connection = True

    def _do(self, line: FaultyLine, headers: dict[str, str], body: bytes) -> None:
        line.seen.append((self.command, self.path, headers))
        fault = line.faults.pop(0) if line.faults else None
        if isinstance(fault, Answered):
            self._send(fault.status, fault.headers, fault.body)
        elif isinstance(fault, Reset):
            self._reset()
        else:
            self._pass_on(line.service + self.path, headers, body, fault)

    def _pass_on(self, url: str, headers: dict[str, str], body: bytes, fault: AnswerLost | CutAfter | None) -> None:
        sent = {name: value for name, value in headers.items() if name not in HOPS}
        with httpx.stream(self.command, url, headers=sent, content=body or None, timeout=20, verify=False) as answer:
            if isinstance(fault, CutAfter):
                self._stream(answer, fault.events)
                return
            answer.read()
        if fault is None:
            self._send(answer.status_code, dict(answer.headers), answer.content)
        else:
            self._reset()

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in HOPS:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, answer: httpx.Response, events: int) -> None:
        """So many events of a body that is said to be longer."""
        self.send_response(answer.status_code)
        self.send_header("Content-Type", answer.headers["Content-Type"])
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        for text in answer.iter_lines():
            self.wfile.write(f"{text}\n".encode())
            events -= text.startswith("data:")
            if events <= 0 and not text:
                break

    def _reset(self) -> None:
        # Lingering for no time makes closing a reset.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


@contextmanager
def faulty_line(service: str) -> Iterator[FaultyLine]:
    """Open a line to the service at an address; without faults it passes everything on."""
    with _Server(service) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, name="line")
        thread.start()
        try:
            yield server.line
        finally:
            server.shutdown()
            thread.join()
