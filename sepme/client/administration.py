"""What operators ask for: the audit, keys, webhooks, what is up, and what problems mean."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Generic, Literal, TypedDict

from sepme.client import calls
from sepme.client.operations import Bound, C, listing, operation
from sepme_core.documents.answers import (
    AuditDocument,
    KeyDocument,
    LifeDocument,
    ProblemDescription,
    ReadinessDocument,
    ShownKey,
    ShownWebhook,
    WaitingMessage,
    WebhookDocument,
)
from sepme_core.terms import Floor, Scope, WebhookEvent


class _ProblemList(TypedDict):
    items: list[ProblemDescription]


class Audit(Bound[C], Generic[C]):
    """`client.audit`."""

    @listing
    def list(
        self,
        *,
        concept: str | None = None,
        case: str | None = None,
        order: Literal["oldest", "newest"] | None = None,
        page_size: int | None = None,
    ) -> AsyncIterator[AuditDocument]:
        """Who changed what, when, from which digest to which; the oldest entry first, unless `order` says otherwise."""
        asked = calls.get("audit", concept=concept, case=case, order=order)
        return self.connection.items(asked, page_size, AuditDocument)


class Keys(Bound[C], Generic[C]):
    """`client.keys`, for the scope `admin`."""

    @listing
    def list(self, *, page_size: int | None = None) -> AsyncIterator[KeyDocument]:
        """All keys, by name, revoked ones too."""
        return self.connection.items(calls.get("keys"), page_size, KeyDocument)

    @operation
    async def get(self, name: str) -> KeyDocument:
        """A key, without its secret.

        Raises:
            NotFound: where there is none.
        """
        return await self.connection.document(calls.get("keys", name), KeyDocument)

    @operation
    async def create(
        self,
        name: str,
        scopes: Sequence[Scope],
        *,
        floor: Floor | None = None,
        quotas: Mapping[str, int | None] | None = None,
        expires_at: datetime | None = None,
    ) -> ShownKey:
        """Make a key. `key` of the answer is its text, which is shown this once.

        With the first one the service closes to all who have none.

        Args:
            name: Whose it is; never given twice.
            scopes: What it is good for.
            floor: What its pictures can never lack; default: `active`, all that is erased.
            quotas: Bounds: `waiting_jobs`, `pictures_a_minute`, `erasures_a_day`.
            expires_at: When it ends by itself, with an offset from UTC.

        Raises:
            Conflict: where there is one of this name, or was.
            ConnectionLost: where the answer was lost: look with `get`, and `rotate` it to see its text.
        """
        call = calls.make_unkeyed(
            "keys",
            name=name,
            scopes=list(scopes),
            floor=floor if floor is None or isinstance(floor, str) else list(floor),
            quotas=quotas,
            expires_at=expires_at and expires_at.isoformat(),
        )
        return await self.connection.document(call, ShownKey)

    @operation
    async def rotate(self, name: str, *, overlap_seconds: float | None = None) -> ShownKey:
        """Give a key a new secret. `key` of the answer is its text, which is shown this once.

        Args:
            name: Which key.
            overlap_seconds: So long the old secret is good beside the new one.

        Raises:
            NotFound, Conflict: where there is none, or it was revoked.
            ConnectionLost: where the answer was lost: rotate it again.
        """
        return await self.connection.document(
            calls.make_unkeyed("keys", name, "rotate", overlap_seconds=overlap_seconds), ShownKey
        )

    @operation
    async def revoke(self, name: str) -> KeyDocument:
        """Revoke a key, for good. Jobs that were accepted go on. Idempotent.

        Raises:
            NotFound: where there is none.
        """
        return await self.connection.document(calls.delete("keys", name, repeatable=True), KeyDocument)


class Webhooks(Bound[C], Generic[C]):
    """`client.webhooks`, for the scope `admin`."""

    @listing
    def list(self, *, page_size: int | None = None) -> AsyncIterator[WebhookDocument]:
        """All webhooks, by name."""
        return self.connection.items(calls.get("webhooks"), page_size, WebhookDocument)

    @operation
    async def get(self, name: str) -> WebhookDocument:
        """A webhook, without its secret, and how telling it went.

        Raises:
            NotFound: where there is none.
        """
        return await self.connection.document(calls.get("webhooks", name), WebhookDocument)

    @operation
    async def create(self, name: str, url: str, *, events: Sequence[WebhookEvent] | None = None) -> ShownWebhook:
        """Have somebody told what is erased and restored. `secret` of the answer is shown this once.

        Args:
            name: Of the webhook.
            url: Where messages are posted.
            events: What it is told of; default: everything.

        Raises:
            Conflict: where there is one of this name.
            ConnectionLost: where the answer was lost: delete it, and make it again.
        """
        call = calls.make_unkeyed("webhooks", name=name, url=url, events=events and list(events))
        return await self.connection.document(call, ShownWebhook)

    @operation
    async def delete(self, name: str) -> WebhookDocument:
        """Delete a webhook, with what it was not told yet; gives it as it was.

        Raises:
            NotFound: where there is none.
        """
        return await self.connection.document(calls.delete("webhooks", name, repeatable=False), WebhookDocument)

    @operation
    async def enable(self, name: str) -> WebhookDocument:
        """Send to a webhook again that was disabled, since it had answered 410. Idempotent.

        Raises:
            NotFound: where there is none.
        """
        call = replace(calls.make_unkeyed("webhooks", name, "enable"), repeatable=True)
        return await self.connection.document(call, WebhookDocument)

    @operation
    async def rotate(self, name: str, *, overlap_seconds: float | None = None) -> ShownWebhook:
        """Give a webhook a new secret. `secret` of the answer is shown this once.

        Args:
            name: Which webhook.
            overlap_seconds: So long its messages are signed with the old secret, too; default: a day.

        Raises:
            NotFound, Conflict: where there is none, or the settings name it.
            ConnectionLost: where the answer was lost: rotate it again.
        """
        return await self.connection.document(
            calls.make_unkeyed("webhooks", name, "rotate", overlap_seconds=overlap_seconds), ShownWebhook
        )

    @operation
    async def test(self, name: str) -> WaitingMessage:
        """Send it the event `test`; `get` tells how that went.

        Raises:
            NotFound, Conflict: where there is none, or it is disabled.
        """
        return await self.connection.document(calls.make_unkeyed("webhooks", name, "test"), WaitingMessage)


class Health(Bound[C], Generic[C]):
    """`client.health`: answered without a key, and never asked twice."""

    @operation
    async def live(self) -> LifeDocument:
        """Whether the service answers at all."""
        return await self.connection.document(replace(calls.get("livez"), retried=False), LifeDocument)

    @operation
    async def ready(self, *, full: bool = False) -> ReadinessDocument:
        """What of the service is up.

        Args:
            full: Walk the audit's whole chain too.

        Raises:
            ServiceUnavailable: where the database is not usable; `problem` says what else is up.
        """
        call = calls.get("readyz", full="true" if full else None)
        return await self.connection.document(
            replace(call, retried=False, read_seconds=calls.LONG_SECONDS if full else None), ReadinessDocument
        )


class Problems(Bound[C], Generic[C]):
    """`client.problems`: what the `type` of a problem means."""

    @operation
    async def list(self) -> Sequence[ProblemDescription]:
        """Every kind of problem that the service answers with."""
        return (await self.connection.document(calls.get("problems"), _ProblemList))["items"]

    @operation
    async def get(self, slug: str) -> ProblemDescription:
        """One kind, by the last part of its `type`.

        Raises:
            NotFound: where there is none.
        """
        return await self.connection.document(calls.get("problems", slug), ProblemDescription)
