"""One message, sent once: to an address that was looked at, in bounded time, with nothing read of the answer's body."""

import asyncio
import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from app.webhooks.reaching import Place

SECONDS = 15.0
"""In which the answer must have begun: all in all, so that nobody keeps a sender by a byte now and then."""
LONGEST_STATUS = 200
TAKEN = range(200, 300)
GONE = 410

# It would log each URL whole, and paths are where receivers keep their secrets.
logging.getLogger("httpx").setLevel(logging.WARNING)


@dataclass(frozen=True)
class Outcome:
    """How it ended.

    Attributes:
        said: the answer's status, or what happened instead, in words.
        delivered: the message was taken.
        gone: nothing more is wanted there.
    """

    said: str
    delivered: bool = False
    gone: bool = False


def trust() -> ssl.SSLContext:
    """Whose certificates are believed: the usual authorities, or those of SSL_CERT_FILE."""
    return httpx.create_ssl_context()


def post(
    place: Place, headers: Mapping[str, str], body: bytes, context: ssl.SSLContext, seconds: float = SECONDS
) -> Outcome:
    """Send it. Redirects are answers like others: what they lead to, nobody looked at."""
    try:
        status = asyncio.run(_post(place, headers, body, context, seconds))
    except (TimeoutError, httpx.TimeoutException):
        return Outcome(f"no answer within {seconds:g} seconds")
    except (httpx.HTTPError, OSError) as error:
        return Outcome(f"{type(error).__name__}: {error}"[:LONGEST_STATUS])
    return Outcome(str(status), delivered=status in TAKEN, gone=status == GONE)


async def _post(place: Place, headers: Mapping[str, str], body: bytes, context: ssl.SSLContext, seconds: float) -> int:
    sent = {
        "Host": place.url.netloc.decode("ascii"),
        "Content-Type": "application/json",
        "User-Agent": "sepme-webhooks",
        **headers,
    }
    # What environment variables say of proxies would have the name resolved elsewhere.
    async with (
        asyncio.timeout(seconds),
        httpx.AsyncClient(trust_env=False, verify=context, follow_redirects=False, timeout=seconds) as client,
    ):
        return await _first_to_connect(client, place, sent, body)


async def _first_to_connect(client: httpx.AsyncClient, place: Place, headers: Mapping[str, str], body: bytes) -> int:
    *others, last = place.addresses
    by_name = {"sni_hostname": place.host}  # certificates are for the name, not for the address
    for address in others:
        try:
            return await _status(client, place.at(address), headers, body, by_name)
        except httpx.ConnectError:
            continue
    return await _status(client, place.at(last), headers, body, by_name)


async def _status(
    client: httpx.AsyncClient, url: httpx.URL, headers: Mapping[str, str], body: bytes, extensions: Mapping[str, str]
) -> int:
    async with client.stream("POST", url, headers=headers, content=body, extensions=dict(extensions)) as answer:
        return answer.status_code
