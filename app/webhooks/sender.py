"""The sender: a thread in every API process that sends webhooks what they are to be told.

Several at once are harmless: a message is one sender's for as long as its lease. It comes at least once; where a sender
dies between sending and writing that down, it comes again under the same id.
"""

import logging
import ssl
import time
from collections.abc import Sequence
from functools import cached_property
from threading import Event, Thread

from sqlalchemy.exc import SQLAlchemyError

from app.services import Services
from app.webhooks import posting, reaching, signing, targets
from app.webhooks.posting import Outcome
from sepme_core.registry import database, deliveries
from sepme_core.registry.deliveries import Sending
from sepme_core.registry.webhooks import Target

LEASE_SECONDS = 120.0
"""Longer than resolving a name and sending take together."""
PATIENCE_SECONDS = 5.0
FORGET_SECONDS = 3600.0

logger = logging.getLogger(__name__)


class Sender:
    """Sends what is due, every `sweep_seconds` of the settings, from `start` to `stop`.

    Args:
        services: the application's.
        named: the webhooks of the settings, to be followed; None: those there are stay as they are.
        resolve: how the addresses of a name are found.
    """

    def __init__(
        self,
        services: Services,
        named: Sequence[Target] | None = None,
        resolve: reaching.LookUp = reaching.look_up,
    ) -> None:
        self._services = services
        self._to_follow = named
        self._resolve = resolve
        self._allowed = reaching.allowed(services.settings.webhooks_allow)
        self._stopping = Event()
        self._forgot_at = 0.0
        self._thread = Thread(target=self._run, name="webhooks", daemon=True)

    def follow(self) -> None:
        """Have the webhooks of the settings be those there are, once. Where the database is not usable, later.

        Raises:
            targets.Refused: the settings name what cannot be.
        """
        if self._to_follow is None:
            return
        try:
            targets.follow(self._services.engine, self._services.settings, self._to_follow)
            self._to_follow = None
        except SQLAlchemyError as error:
            logger.warning("The webhooks of the settings wait for the database: %s", getattr(error, "orig", error))

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self) -> None:
        """End after the message under way; one that hangs is not waited for, and is sent again."""
        self._stopping.set()
        self._thread.join(PATIENCE_SECONDS)

    def send_due(self) -> None:
        """Send until nothing is due."""
        while not self._stopping.is_set() and (sending := self._claim()) is not None:
            self._note(sending, self._send(sending))

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        return posting.trust()

    def _follow_late(self) -> None:
        """Nobody waits for this start any more: what is refused now is left until the next."""
        try:
            self.follow()
        except targets.Refused as reason:
            self._to_follow = None
            logger.error("%s The webhooks of the settings are those of an earlier start.", reason)  # noqa: TRY400

    def _claim(self) -> Sending | None:
        """Asked in a transaction that only reads, most of the time: nobody else's writing waits for it."""
        with self._services.reading() as session:
            if not deliveries.any_due(session):
                return None
        with database.writing(self._services.engine) as session:
            return deliveries.claim(session, LEASE_SECONDS)

    def _send(self, sending: Sending) -> Outcome:
        try:
            place = reaching.look(sending.url, self._allowed, self._resolve)
            headers = signing.headers(sending, int(time.time()))
            return posting.post(place, headers, sending.body.encode(), self._trust)
        except reaching.Unreachable as reason:
            return Outcome(f"not sent: the address {reason}"[: posting.LONGEST_STATUS])
        except Exception:  # else it would be claimed for ever, and never given up
            logger.exception("Sending the message %s failed.", sending.id)
            return Outcome("not sent: something went wrong in the service")

    def _note(self, sending: Sending, outcome: Outcome) -> None:
        attempts, given_up = self._services.measures.webhook_attempts, False
        with database.writing(self._services.engine) as session:
            if outcome.delivered:
                deliveries.delivered(session, sending, outcome.said)
            else:
                given_up = deliveries.failed(session, sending, outcome.said, gone=outcome.gone)
        if outcome.delivered:
            attempts.labels("taken").inc()
            return
        attempts.labels("given_up" if given_up else "repeated").inc()
        said = "and was given up" if given_up else "and is sent again later"
        logger.warning(
            "Message %s was not taken by the webhook %r (%s), %s.", sending.id, sending.webhook, outcome.said, said
        )

    def _forget(self) -> None:
        if time.monotonic() - self._forgot_at < FORGET_SECONDS:
            return
        with database.writing(self._services.engine) as session:
            deliveries.forget(session)
        self._forgot_at = time.monotonic()

    def _run(self) -> None:
        while not self._stopping.wait(self._services.settings.sweep_seconds):
            try:
                self._follow_late()
                self.send_due()
                self._forget()
            except SQLAlchemyError as error:
                logger.warning("The sender of webhooks cannot use the database: %s", getattr(error, "orig", error))
            except Exception:  # the thread must outlive whatever happens
                logger.exception("Sending to webhooks failed.")
