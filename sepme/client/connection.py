"""The line to a service: one for callers that wait, one for callers that await. All else is written once, for both.

What a request is, when it is sent again, how a listing is paged and a job waited for are coroutines over this class.
`Blocking` does each thing at once, so that such a coroutine ends at its first step (`operations.finish`); `Awaiting`
lets others run meanwhile.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import replace
from itertools import count
from typing import Any, TypeVar

import anyio
import httpx

from sepme.client.answers import Download, document_of, download_of, error_of, failure_of, items_of
from sepme.client.calls import Call
from sepme.client.errors import UnexpectedAnswer
from sepme.client.retrying import Retries

D = TypeVar("D")
PNG = {"Content-Type": "image/png"}


class Connection(ABC):
    """Sends requests to one service.

    Args:
        address: The service's address, without a slash at its end.
        retries: How often a request is sent again.
    """

    http: httpx.Client | httpx.AsyncClient

    def __init__(self, address: str, retries: Retries) -> None:
        self.address = address
        self.retries = retries

    @abstractmethod
    async def exchange(self, request: httpx.Request, *, stream: bool) -> httpx.Response:
        """Send a request; the answer's body is read, unless it streams."""

    @abstractmethod
    def lines(self, response: httpx.Response) -> AsyncGenerator[str, None]:
        """The lines of an answer that streams, closed at their end."""

    @abstractmethod
    async def read(self, response: httpx.Response) -> None:
        """Read an answer to its end, and close it."""

    @abstractmethod
    async def pause(self, seconds: float) -> None:
        """Do nothing for so long."""

    @abstractmethod
    async def close(self) -> None:
        """Hang up."""

    async def answer(self, call: Call, *, stream: bool = False) -> httpx.Response:
        """Send a request, again where that may help, until there is an answer that is no error.

        Raises:
            TransportError: where there is no answer.
            ProblemError: where the service refuses it.
            UnexpectedAnswer: where something else answers.
        """
        for sent in count(1):
            try:
                response = await self.exchange(self._request(call), stream=stream)
                if stream and not response.is_success:
                    await self.read(response)
            except httpx.DecodingError as error:
                raise UnexpectedAnswer(f"{call.method} {call.path}: the answer cannot be read: {error}", 0) from error
            except httpx.TransportError as error:
                failure = failure_of(call, self.address, error)
                seconds = self.retries.after_failure(call, failure, sent)
                if seconds is None:
                    raise failure from error
            else:
                seconds = self.retries.after_answer(call, response, sent)
                if seconds is None:
                    if refusal := error_of(response):
                        raise refusal
                    return response
            await self.pause(seconds)
        raise AssertionError  # the loop has no other end

    async def document(self, call: Call, kind: type[D]) -> D:
        """Send a request and give the JSON object that it is answered with.

        Raises:
            SepmeError: as `answer` does, and where there is no such object.
        """
        return document_of(await self.answer(call), kind)

    async def download(self, call: Call, name: str) -> Download:
        """Send a request and give the file that it is answered with.

        Raises:
            SepmeError: as `answer` does.
        """
        return download_of(await self.answer(call), name)

    async def items(self, call: Call, page_size: int | None, kind: type[D]) -> AsyncIterator[D]:
        """All items of a listing, a page at a time as they are asked for.

        Raises:
            SepmeError: as `document` does.
        """
        query: Mapping[str, Any] = {**call.query, **({} if page_size is None else {"limit": page_size})}
        while True:
            page = items_of(await self.answer(replace(call, query=query)), kind)
            for item in page["items"]:
                yield item
            if page.get("next_cursor") is None:
                return
            query = {**query, "cursor": page["next_cursor"]}

    def _request(self, call: Call) -> httpx.Request:
        timeout: Any = httpx.USE_CLIENT_DEFAULT
        if call.read_seconds is not None:
            usual = self.http.timeout
            timeout = httpx.Timeout(usual.read, connect=usual.connect, read=call.read_seconds)
        return self.http.build_request(
            call.method,
            call.path,
            params=call.query or None,
            json=call.body,
            content=call.png,
            headers={**({} if call.png is None else PNG), **call.headers},
            timeout=timeout,
        )


class Blocking(Connection):
    """For callers that wait: every coroutine of it ends at its first step."""

    def __init__(self, http: httpx.Client, address: str, retries: Retries) -> None:
        super().__init__(address, retries)
        self.http: httpx.Client = http

    async def exchange(self, request: httpx.Request, *, stream: bool) -> httpx.Response:
        """Send it, and wait."""
        return self.http.send(request, stream=stream)

    async def lines(self, response: httpx.Response) -> AsyncGenerator[str, None]:
        """Each line, when it has come."""
        try:
            for line in response.iter_lines():
                yield line
        finally:
            response.close()

    async def read(self, response: httpx.Response) -> None:
        """Read it."""
        response.read()

    async def pause(self, seconds: float) -> None:
        """Sleep."""
        time.sleep(seconds)  # noqa: ASYNC251  (nobody else runs meanwhile)

    async def close(self) -> None:
        """Close its connections."""
        self.http.close()


class Awaiting(Connection):
    """For callers that await."""

    def __init__(self, http: httpx.AsyncClient, address: str, retries: Retries) -> None:
        super().__init__(address, retries)
        self.http: httpx.AsyncClient = http

    async def exchange(self, request: httpx.Request, *, stream: bool) -> httpx.Response:
        """Send it."""
        return await self.http.send(request, stream=stream)

    async def lines(self, response: httpx.Response) -> AsyncGenerator[str, None]:
        """Each line, when it has come."""
        try:
            async for line in response.aiter_lines():
                yield line
        finally:
            await response.aclose()

    async def read(self, response: httpx.Response) -> None:
        """Read it."""
        await response.aread()

    async def pause(self, seconds: float) -> None:
        """Sleep."""
        await anyio.sleep(seconds)

    async def close(self) -> None:
        """Close its connections."""
        await self.http.aclose()
