"""Whether a request is sent again, and after how long."""

import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpx

from sepme.client.calls import Call
from sepme.client.errors import APIError, SepmeError, TransportError

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
        away_seconds: So long a service may be away while a job is waited for: it is being restarted, say.
    """

    most: int = 2
    away_seconds: float = 60.0

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


class Absence:
    """How long a service has been away from somebody who waits for a job of it."""

    def __init__(self, retries: Retries) -> None:
        self.longest = retries.away_seconds
        self.tries = 0
        self.began = 0.0

    def after(self, error: SepmeError) -> float | None:
        """Seconds until it is asked again, which it was in vain; None: it is away for too long, or is not away."""
        if not (isinstance(error, TransportError) or (isinstance(error, APIError) and error.status in PASSING)):
            return None
        self.began = self.began or time.monotonic()
        self.tries += 1
        return None if time.monotonic() - self.began > self.longest else backoff(self.tries)

    def is_over(self) -> None:
        """It has answered."""
        self.tries, self.began = 0, 0.0


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
