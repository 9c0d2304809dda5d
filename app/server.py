"""uvicorn as this service runs it: connections and the time of a request are bounded, answers keep to the contract.

uvicorn has neither: whoever opens a thousand connections and sends half a request on each keeps everybody else out.
What the server itself refuses, before there is a request to hand on, is answered with problem documents like the rest.
And a connection that ends with bytes unread would be reset, which takes back an answer that its client has not read yet
(RFC 9112, section 9.6): our side is closed alone, and what still comes is let go until theirs is, or for a while.
"""

import json
import logging
import sys
from asyncio import TimerHandle, Transport
from collections.abc import Callable
from functools import partial
from typing import Any

import h11
import uvicorn
from fastapi import FastAPI, Request
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol

from app.problems import MEDIA_TYPE, Problem
from app.problems.handlers import respond
from app.request_ids import HEADER, RequestIdMiddleware
from sepme_core import logs, problems
from sepme_core.settings import Settings

RESERVE = 16
"""Connections beyond the limit, for those who ask whether the service lives."""
HEALTH = frozenset({"/livez", "/readyz", "/metrics"})
RETRY_SECONDS = "1"
LINGER_SECONDS = 2.0
HEAD_TOO_LARGE_HINT = 431
CLOSING_SECONDS = 5
"""How long answers under way may take to end once the process was told to stop."""
BACKLOG = 128
"""How many connections the loop accepts at one go: fewer than there may be, so that room is made before the next."""


class LingeringTransport:
    """A connection's transport whose `close` is the protocol's own."""

    def __init__(self, transport: Transport, close: Callable[[], None]) -> None:
        self._transport = transport
        self.close = close
        self.lingers = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        """Whether our side is closed, or about to be."""
        return self.lingers or self._transport.is_closing()

    def close_ours(self) -> None:
        """Close our side and go on reading; both where theirs is gone."""
        self.lingers = True
        try:
            self._transport.write_eof()
            self._transport.resume_reading()
        except OSError:
            self._transport.close()

    def close_both(self) -> None:
        """Close at once, after what was written."""
        self._transport.close()


class BoundedProtocol(H11Protocol):
    """One connection. `waits_since` is the loop's time since when its client owes a request; None while it does not."""

    limit: int
    request_seconds: float
    waits_since: float | None = None
    transport: LingeringTransport  # type: ignore[assignment]
    _timer: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request, and make room for it."""
        super().connection_made(transport)
        self.transport = LingeringTransport(transport, self._close)
        self._watch()
        if len(self.connections) > self.limit:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        """Take a part of a request."""
        if not self.transport.lingers:
            self._watch()
            super().data_received(data)

    def handle_events(self) -> None:
        """Hand on what is there of requests."""
        super().handle_events()
        self._watch()

    def on_response_complete(self) -> None:
        """Wait for the next request, for as long as uvicorn keeps an idle connection."""
        super().on_response_complete()
        if self._is_idle():
            self._end_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._end_timer()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP; uvicorn calls this where it has caught the reason."""
        reason = sys.exception()
        too_large = isinstance(reason, h11.RemoteProtocolError) and reason.error_status_hint == HEAD_TOO_LARGE_HINT
        kind = problems.HEAD_TOO_LARGE if too_large else problems.MALFORMED_REQUEST
        self._hang_up(Problem(kind, f"{reason or msg}.".replace("..", ".")))

    def _watch(self) -> None:
        """Let the time run while a request is owed or comes in, and stop it once it is there."""
        if self.transport.lingers:
            return
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._end_timer()
            self.waits_since = None
        elif self._timer is None:
            self.waits_since = self.loop.time()
            self._timer = self.loop.call_later(self.request_seconds, self._is_late)

    def _close(self) -> None:
        """End the connection, for uvicorn too: with patience where its client may still be sending."""
        sending = self.conn.their_state in (h11.SEND_BODY, h11.ERROR) or self.conn.trailing_data[0] != b""
        if not sending or self.transport.is_closing() or not self.transport.can_write_eof():
            self.transport.close_both()
            return
        self._end_timer()
        self.waits_since = 0.0  # the first to make room
        self._timer = self.loop.call_later(LINGER_SECONDS, self.transport.abort)
        self.transport.close_ours()

    def _is_idle(self) -> bool:
        return self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]

    def _end_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _is_late(self) -> None:
        self._hang_up(Problem(problems.REQUEST_TIMEOUT, f"It was not whole after {self.request_seconds:g} seconds."))

    def _make_room(self) -> None:
        """Let go of who has owed a request longest. Where nobody does, this one is served the signs of life alone."""
        owing = [
            (each.waits_since, number, each)
            for number, each in enumerate(self.connections)
            if isinstance(each, BoundedProtocol) and each is not self and each.waits_since is not None
        ]
        if owing:
            min(owing)[-1]._make_way()  # noqa: SLF001  (another connection of this class)
        elif len(self.connections) > self.limit + RESERVE:
            self.transport.abort()
        else:
            self.app = partial(_answer_while_crowded, self.app)

    def _make_way(self) -> None:
        self.connections.discard(self)
        if not self.transport.lingers:
            self._hang_up(_crowded())
        self.transport.close_both()

    def _hang_up(self, problem: Problem) -> None:
        """End the connection, with the problem where anything was asked and no answer has begun."""
        self._end_timer()
        self.waits_since = None
        if not self._is_idle() and self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._send(problem)
        if self.cycle is not None and not self.cycle.response_complete:  # nobody will have the application's answer
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()

    def _send(self, problem: Problem) -> None:
        status = problem.kind.status
        headers = [
            ("Content-Type", MEDIA_TYPE),
            ("Connection", "close"),
            (HEADER, logs.new_request_id()),
            *problem.headers.items(),
        ]
        body = json.dumps(problem.document()).encode()
        for event in (
            h11.Response(
                status_code=status,
                headers=[*headers, ("Content-Length", str(len(body)))],
                reason=STATUS_PHRASES[status],
            ),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")


def bounded(connections: int, request_seconds: float) -> type[BoundedProtocol]:
    """The protocol with its bounds.

    Args:
        connections: The most there may be at once.
        request_seconds: How long a client may take to send a request, head and body.
    """

    class Configured(BoundedProtocol):
        limit = connections

    Configured.request_seconds = request_seconds
    return Configured


def _crowded() -> Problem:
    headers = {"Retry-After": RETRY_SECONDS, "Connection": "close"}
    return Problem(problems.TOO_MANY_CONNECTIONS, "No further connection can be served now.", headers=headers)


async def _answer_while_crowded(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"] in HEALTH:
        await app(scope, receive, send)
    else:
        await RequestIdMiddleware(respond(Request(scope), _crowded()))(scope, receive, send)


def _without_query(record: logging.LogRecord) -> bool:
    """Of what was asked log the path alone: what stands behind it may be about somebody."""
    if isinstance(record.args, tuple):
        record.args = tuple(each.partition("?")[0] if isinstance(each, str) else each for each in record.args)
    return True


def configuration(application: FastAPI, settings: Settings) -> uvicorn.Config:
    """uvicorn's configuration by the settings. Forwarded headers are read of named proxies alone."""
    logging.getLogger(logs.ACCESS).addFilter(_without_query)
    return uvicorn.Config(
        application,
        host=settings.host,
        port=settings.port,
        http=bounded(settings.connections, settings.request_seconds),
        ws="none",
        lifespan="on",
        log_config=None,  # as everything else in this process
        log_level=settings.log_level,
        proxy_headers=bool(settings.proxies),
        forwarded_allow_ips=settings.proxies,
        backlog=BACKLOG,
        timeout_graceful_shutdown=CLOSING_SECONDS,
    )
