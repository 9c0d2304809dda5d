"""Webhooks: who is told of changes. Their secrets are shown once, and kept as they are, to sign with."""

import base64
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from sepme_core.addresses import host_of
from sepme_core.documents.answers import UndeliveredDocument, WebhookDocument
from sepme_core.registry import audit, outbox, queries, types
from sepme_core.registry.database import serialise
from sepme_core.registry.errors import UnknownWebhook, WebhookDisabled, WebhookFromSettings, WebhookNameTaken
from sepme_core.registry.tables import Delivery, Webhook
from sepme_core.terms import OPERATOR, WebhookEvent

SECRET_PREFIX = "whsec_"  # noqa: S105  (by which Standard Webhooks tells secrets)
SECRET_BYTES = 32
OVERLAP_SECONDS = 86400.0
"""So long messages are signed with the old secret, too, where nobody says how long."""
TEST = "test"
SHOWN = 20
"""So many of the messages that were given up are listed, the latest."""


@dataclass(frozen=True)
class Made:
    """A webhook, and its secret, which nobody can have a second time."""

    webhook: Webhook
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Target:
    """A webhook as the settings name it; its address was looked at."""

    name: str
    url: str = field(repr=False)
    events: Sequence[WebhookEvent]
    secret: str = field(repr=False)


def create(session: Session, name: str, url: str, events: Sequence[WebhookEvent], actor: str) -> Made:
    """Make a webhook, whose address was looked at.

    Raises:
        WebhookNameTaken: there is one with this name.
    """
    serialise(session)
    if session.get(Webhook, name) is not None:
        raise WebhookNameTaken(name)
    webhook = Webhook(name=name, url=url, events=sorted(set(events)), secret=_new_secret(), made_by=actor)
    _add(session, webhook)
    return Made(webhook, webhook.secret)


def remove(session: Session, name: str, actor: str) -> WebhookDocument:
    """Delete a webhook, with what it was not told yet; returns it as it was.

    Raises:
        UnknownWebhook: there is none with this name.
        WebhookFromSettings: it is not for requests to delete.
    """
    serialise(session)  # first: whoever tells webhooks has serialised, and holds them
    webhook = _of_requests(session, name)
    removed = document(session, webhook)
    _delete(session, webhook, actor)
    return removed


def follow(session: Session, targets: Sequence[Target]) -> None:
    """Have the webhooks of the settings be these and no others. What waits for one that is gone goes with it.

    Raises:
        WebhookNameTaken: one of them has the name of a webhook that a request has made.
    """
    serialise(session)
    named = {target.name: target for target in targets}
    concerned = select(Webhook).where(or_(Webhook.from_settings.is_(True), Webhook.name.in_(named)))
    present = {webhook.name: webhook for webhook in session.scalars(concerned.order_by(Webhook.name))}
    for name, webhook in present.items():
        if not webhook.from_settings:
            raise WebhookNameTaken(name)
        if name not in named:
            _delete(session, webhook, OPERATOR)
    for name, target in named.items():
        if name in present:
            _change(session, present[name], target)
        else:
            said = {"url": target.url, "events": sorted(set(target.events)), "secret": target.secret}
            _add(session, Webhook(name=name, **said, from_settings=True, made_by=OPERATOR))


def enable(session: Session, name: str, actor: str) -> Webhook:
    """Send to a webhook again that answered that it is gone: what happens from now on. Again: nothing more happens.

    Raises:
        UnknownWebhook: there is none with this name.
    """
    serialise(session)  # first, as whoever disables it does
    webhook = get(session, name)
    if webhook.disabled_at is not None:
        webhook.disabled_at, webhook.free_at = None, types.now(session)
        session.flush()
        note(session, actor, "enable-webhook", webhook)
    return webhook


def rotate(session: Session, name: str, actor: str, overlap_seconds: float) -> Made:
    """Give a webhook a new secret; the old one signs beside it for so long.

    Raises:
        UnknownWebhook: there is none with this name.
        WebhookFromSettings: its secret is for the settings to say.
    """
    serialise(session)
    webhook = _of_requests(session, name)
    _give_secret(session, webhook, _new_secret(), overlap_seconds)
    session.flush()
    note(session, actor, "rotate-webhook", webhook)
    return Made(webhook, webhook.secret)


def signing_secrets(session: Session, webhook: Webhook) -> tuple[str, ...]:
    """Return what its messages are signed with at this moment, the present secret first."""
    previous, until = webhook.previous_secret, webhook.previous_until
    overlaps = previous is not None and until is not None and until > types.now(session)
    return (webhook.secret, previous) if previous is not None and overlaps else (webhook.secret,)


def test(session: Session, name: str) -> str:
    """Have a message sent to one webhook, whatever events it asks for; returns the message's id.

    Raises:
        UnknownWebhook: there is none with this name.
        WebhookDisabled: nothing is sent to it.
    """
    held = select(Webhook).where(Webhook.name == name).with_for_update(read=True, key_share=True)
    webhook = session.scalars(held).one_or_none()
    if webhook is None:
        raise UnknownWebhook(name)
    if webhook.disabled_at is not None:
        raise WebhookDisabled(name)
    (message,) = outbox.add(session, [name], TEST, {"webhook": name}, types.now(session))
    return message


def get(session: Session, name: str) -> Webhook:
    """Return the webhook with this name.

    Raises:
        UnknownWebhook: there is none.
    """
    webhook = session.get(Webhook, name)
    if webhook is None:
        raise UnknownWebhook(name)
    return webhook


def page(session: Session, cursor: str | None, limit: int) -> queries.Page[Webhook]:
    """Return `limit` webhooks by name.

    Raises:
        CursorInvalid: where the cursor is not one of this listing.
    """
    return queries.page_by_name(session, Webhook, cursor, limit)


def document(session: Session, webhook: Webhook) -> WebhookDocument:
    """Return all of a webhook that may be shown."""
    to_it = Delivery.webhook == webhook.name
    given_up = select(Delivery).where(to_it, Delivery.given_up_at.is_not(None)).order_by(Delivery.given_up_at.desc())
    counted = select(func.count(), func.count(Delivery.given_up_at)).where(to_it)
    of_all, given_up_count = session.execute(counted).one()
    return {
        "name": webhook.name,
        "url": webhook.url,
        "events": webhook.events,
        "from_settings": webhook.from_settings,
        "made_by": webhook.made_by,
        "created_at": types.timestamp(webhook.created_at),
        "rotated_at": types.timestamp(webhook.rotated_at),
        "disabled_at": types.timestamp(webhook.disabled_at),
        "last_status": webhook.last_status,
        "last_sent_at": types.timestamp(webhook.last_sent_at),
        "waiting": of_all - given_up_count,
        "given_up": given_up_count,
        "undelivered": [_undelivered(each) for each in session.scalars(given_up.limit(SHOWN))],
    }


def _of_requests(session: Session, name: str) -> Webhook:
    webhook = get(session, name)
    if webhook.from_settings:
        raise WebhookFromSettings(name)
    return webhook


def _add(session: Session, webhook: Webhook) -> None:
    session.add(webhook)
    session.flush()
    note(session, webhook.made_by, "create-webhook", webhook)


def _delete(session: Session, webhook: Webhook, actor: str) -> None:
    note(session, actor, "delete-webhook", webhook)
    session.delete(webhook)  # its messages go by the foreign key
    session.flush()


def _change(session: Session, webhook: Webhook, target: Target) -> None:
    """Another address is somebody else, who has not said to be gone; another secret is given like a new one."""
    events: list[str] = [*sorted(set(target.events))]
    said = {"url": target.url, "events": events, "secret": target.secret}
    changed = [name for name, value in said.items() if getattr(webhook, name) != value]
    if not changed:
        return
    if "url" in changed:
        webhook.url, webhook.disabled_at = target.url, None
    if "secret" in changed:
        _give_secret(session, webhook, target.secret, OVERLAP_SECONDS)
    webhook.events = events
    session.flush()
    note(session, OPERATOR, "change-webhook", webhook, changed=changed)


def _new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def _give_secret(session: Session, webhook: Webhook, secret: str, overlap_seconds: float) -> None:
    now = types.now(session)
    webhook.previous_secret = webhook.secret if overlap_seconds > 0 else None
    webhook.previous_until = now + timedelta(seconds=overlap_seconds) if overlap_seconds > 0 else None
    webhook.secret, webhook.rotated_at = secret, now


def _undelivered(delivery: Delivery) -> UndeliveredDocument:
    assert delivery.given_up_at is not None
    return {
        "id": delivery.id,
        "event": delivery.event,
        "attempts": delivery.attempt,
        "status": delivery.last_status,
        "created_at": types.timestamp(delivery.created_at),
        "given_up_at": types.timestamp(delivery.given_up_at),
    }


def note(session: Session, actor: str, action: str, webhook: Webhook, **more: object) -> None:
    """Say in the audit what was done to a webhook; of its address the host alone, since paths may hold secrets."""
    said = {"webhook": webhook.name, "host": host_of(webhook.url), "events": webhook.events, **more}
    audit.append(session, actor, action, None, details=said)
