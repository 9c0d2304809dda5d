"""Whether a request is sent again, and after how long."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpx

from sepme.client.calls import Call
from sepme.client.errors import TransportError

REFUSED_UNREAD = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
"""Nothing was done."""
PASSING = REFUSED_UNREAD | {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}
"""Something may have been done, and it may be otherwise in a moment."""
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
"""A service that asks for more is not waited for: its answer is raised, with `retry_after`."""


@dataclass(frozen=True)
class Retries:
    """How often a request is sent again.

    Attributes:
        most: So often at most, after the first time.
    """

    most: int = 2

    def after_failure(self, call: Call, failure: TransportError, sent: int) -> float | None:
        """Seconds until a request that got no answer is sent again; None: it is not.

        Args:
            call: The request.
            failure: What became of it.
            sent: How often it was sent.
        """
        if not call.retried or sent > self.most or (failure.may_have_arrived and not call.repeatable):
            return None
        return backoff(sent)

    def after_answer(self, call: Call, response: httpx.Response, sent: int) -> float | None:
        """The same for one that was answered."""
        passing = PASSING if call.repeatable else REFUSED_UNREAD
        if not call.retried or sent > self.most or response.status_code not in passing:
            return None
        asked = retry_after(response)
        if asked is None:
            return backoff(sent)
        return asked if asked <= LONGEST_PAUSE_SECONDS else None


def backoff(sent: int) -> float:
    """Seconds to leave the service alone after so many tries: twice as long each time, and not all clients at once."""
    return min(FIRST_PAUSE_SECONDS * 2.0 ** (sent - 1) * random.uniform(0.75, 1.25), LONGEST_PAUSE_SECONDS)


def retry_after(response: httpx.Response) -> float | None:
    """What `Retry-After` says, in seconds (RFC 9110, section 10.2.3); None where it says nothing that can be read."""
    said = response.headers.get("Retry-After", "")
    if said.isascii() and said.isdigit():
        return float(said)
    try:
        moment = parsedate_to_datetime(said)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
