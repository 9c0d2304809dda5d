"""Bytes sent to a service as they are, which no HTTP client would send."""

import json
import socket
from dataclasses import dataclass
from typing import Any

PATIENCE = 20.0


@dataclass(frozen=True)
class RawAnswer:
    """An answer read to the end of its connection."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.body)
        return document


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)


def read(connection: socket.socket) -> RawAnswer | None:
    """The answer on a connection that the server closes after it; None where it closes without one."""
    data = b""
    while part := connection.recv(65536):
        data += part
    if not data:
        return None
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    return RawAnswer(int(first.split()[1]), headers, body)


def send(port: int, data: bytes) -> RawAnswer:
    with connect(port) as connection:
        connection.sendall(data)
        answer = read(connection)
    assert answer is not None
    return answer
