"""Protected prompts: what no increment may change."""

from collections.abc import AsyncIterator, Sequence
from http import HTTPStatus
from typing import Generic, cast

from sepme.client import calls
from sepme.client.answers import document_of
from sepme.client.jobs import succeeded
from sepme.client.operations import Bound, C, listing, operation
from sepme_core.documents.answers import JobDocument, ProtectedDocument


class Protected(Bound[C], Generic[C]):
    """`client.protected`."""

    @listing
    def list(self, *, page_size: int | None = None) -> AsyncIterator[ProtectedDocument]:
        """All protected entries, by name."""
        return self.connection.items(calls.get("protected"), page_size, ProtectedDocument)

    @operation
    async def get(self, name: str) -> ProtectedDocument:
        """One protected entry.

        Raises:
            NotFound: where there is none.
        """
        return await self.connection.document(calls.get("protected", name), ProtectedDocument)

    @operation
    async def put(
        self,
        name: str,
        prompts: Sequence[str],
        *,
        case: str | None = None,
        reason: str | None = None,
        timeout: float | None = None,
    ) -> ProtectedDocument:
        """Protect prompts under a name, in place of those that stand there.

        Where a worker has to look first, that is waited for.

        Args:
            name: Of the entry.
            prompts: What no increment may change.
            case: Under which it is filed.
            reason: Why, in one line.
            timeout: Seconds to wait at most; None: however long it takes.

        Raises:
            JobFailed: where something that is erased for good would be weakened, or a prompt is too long.
            WaitTimeout: where the time is up; its `job` goes on.
            APIError: where the request is refused.
        """
        call = calls.make("protected", name, method="PUT", prompts=list(prompts), case=case, reason=reason)
        response = await self.connection.answer(call)
        if response.status_code != HTTPStatus.ACCEPTED:
            return document_of(response, ProtectedDocument)
        job = await succeeded(self.connection, document_of(response, JobDocument), timeout)
        return cast("ProtectedDocument", job["result"])

    @operation
    async def delete(self, name: str, *, case: str | None = None, reason: str | None = None) -> None:
        """Protect these prompts no longer, and cancel a job that is to protect prompts under this name.

        Raises:
            NotFound: where there is none.
        """
        await self.connection.answer(calls.delete("protected", name, repeatable=False, case=case, reason=reason))
