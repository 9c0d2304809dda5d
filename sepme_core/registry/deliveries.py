"""Messages on their way: claimed for one sender at a time, sent again where they were not taken, given up at last.

A webhook is claimed with its oldest message, by a lease: a sender that dies loses nothing, and one webhook that hangs
holds up nobody else's messages for longer than it takes once.
"""

import random
from dataclasses import dataclass, field

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.orm import Session

from sepme_core.registry import types, webhooks
from sepme_core.registry.database import serialise
from sepme_core.registry.tables import Delivery, Webhook
from sepme_core.registry.types import database_time

PAUSES = (5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 50400.0, 72000.0, 86400.0)
"""Seconds from one attempt to the next, as Standard Webhooks proposes: about three days in all."""
JITTER = 0.2
REST_SECONDS = 5.0
"""So long a webhook is left alone that did not take a message, whatever else waits for it."""
KEPT_SECONDS = 90 * 86400.0
"""How long it can be seen what was given up."""
SENDER = "sepme"
"""Whom the audit names for what no key did."""

_DUE = (Delivery.given_up_at.is_(None), Delivery.due_at <= database_time())
_READY = (
    Webhook.disabled_at.is_(None),
    Webhook.free_at <= database_time(),
    exists().where(Delivery.webhook == Webhook.name, *_DUE),
)


@dataclass(frozen=True)
class Sending:
    """A message that is to be sent, for the `attempt`th time."""

    id: str
    attempt: int
    webhook: str
    url: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    body: str = field(repr=False)


@dataclass(frozen=True)
class Standing:
    """How all webhooks together stand.

    Attributes:
        enabled: webhooks that are sent to.
        disabled: webhooks that are not, since they said to be gone.
        waiting: messages that are to be sent.
        given_up: messages that were never taken, of those that are kept.
        oldest_seconds: how long the oldest of those that wait has waited; 0 where none does.
    """

    enabled: int
    disabled: int
    waiting: int
    given_up: int
    oldest_seconds: float


def standing(session: Session) -> Standing:
    """Count webhooks and messages."""
    all_webhooks, disabled = session.execute(select(func.count(), func.count(Webhook.disabled_at))).one()
    oldest = func.min(Delivery.created_at).filter(Delivery.given_up_at.is_(None))
    of_all, given_up, since = session.execute(select(func.count(), func.count(Delivery.given_up_at), oldest)).one()
    waited = (types.now(session) - since).total_seconds() if since else 0.0
    return Standing(all_webhooks - disabled, disabled, of_all - given_up, given_up, max(waited, 0.0))


def any_due(session: Session) -> bool:
    """Tell whether there is anything to claim."""
    return session.scalars(select(Webhook.name).where(*_READY).limit(1)).one_or_none() is not None


def claim(session: Session, lease_seconds: float) -> Sending | None:
    """Take the oldest message that is due to the webhook that was served longest ago; None: nothing is due.

    Args:
        session: of `database.writing`.
        lease_seconds: how long nobody else sends to that webhook.
    """
    ready = select(Webhook).where(*_READY).order_by(Webhook.free_at, Webhook.name).limit(1)
    webhook = session.scalars(ready.with_for_update(key_share=True, skip_locked=True)).one_or_none()
    if webhook is None:
        return None
    due = select(Delivery).where(Delivery.webhook == webhook.name, *_DUE).order_by(Delivery.due_at, Delivery.id)
    message = session.scalars(due.limit(1)).one_or_none()
    if message is None:
        return None
    message.attempt += 1
    session.flush()
    _free(session, webhook.name, lease_seconds)
    secrets = webhooks.signing_secrets(session, webhook)
    return Sending(message.id, message.attempt, webhook.name, webhook.url, secrets, message.body)


def delivered(session: Session, sending: Sending, status: str) -> None:
    """A message was taken: it is forgotten."""
    _hold(session, sending.webhook)
    taken = delete(Delivery).where(Delivery.id == sending.id, Delivery.attempt == sending.attempt)
    if session.execute(taken.returning(Delivery.id)).one_or_none() is not None:
        _answered(session, sending.webhook, status, 0.0)


def failed(session: Session, sending: Sending, status: str, *, gone: bool = False) -> bool:
    """A message was not taken: it is sent again later, or was for the last time. True: it is given up.

    Args:
        session: of `database.writing`.
        sending: the message.
        status: how that ended, in words.
        gone: nothing more is to be sent to the webhook.
    """
    if gone:
        serialise(session)  # first, as whoever deletes it does
    _hold(session, sending.webhook)
    present = select(Delivery).where(Delivery.id == sending.id, Delivery.attempt == sending.attempt)
    message = session.scalars(present.with_for_update()).one_or_none()
    if message is None:
        return False
    message.last_status = status
    last = gone or message.attempt > len(PAUSES)
    if last:
        message.given_up_at = types.now(session)
    session.flush()
    if not last:
        later = PAUSES[message.attempt - 1] * (1 + JITTER * random.random())
        session.execute(update(Delivery).where(Delivery.id == message.id).values(due_at=database_time(later)))
    _answered(session, sending.webhook, status, REST_SECONDS)
    if gone:
        _disable(session, sending.webhook, status)
    return last


def forget(session: Session) -> None:
    """Forget what was given up long ago."""
    session.execute(delete(Delivery).where(Delivery.given_up_at < database_time(-KEPT_SECONDS)))


def _hold(session: Session, name: str) -> None:
    """Before its messages, as whoever deletes it does: so neither waits for the other."""
    session.execute(select(Webhook.name).where(Webhook.name == name).with_for_update(key_share=True))


def _answered(session: Session, name: str, status: str, rest_seconds: float) -> None:
    last = {"last_status": status, "last_sent_at": database_time()}
    session.execute(update(Webhook).where(Webhook.name == name).values(**last))
    _free(session, name, rest_seconds)


def _free(session: Session, name: str, in_seconds: float) -> None:
    session.execute(update(Webhook).where(Webhook.name == name).values(free_at=database_time(in_seconds)))


def _disable(session: Session, name: str, status: str) -> None:
    """And give up what waits for it."""
    webhook = webhooks.get(session, name)
    webhook.disabled_at = types.now(session)
    given_up = update(Delivery).where(Delivery.webhook == name, Delivery.given_up_at.is_(None))
    session.execute(given_up.values(given_up_at=database_time(), last_status=status))
    webhooks.note(session, SENDER, "disable-webhook", webhook)
