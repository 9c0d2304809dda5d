"""Concepts: erased, looked at, restored, purged, and what bears an erasure out."""

import base64
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, Literal, TypedDict, Unpack

from sepme.client import calls
from sepme.client.answers import Download, document_of
from sepme.client.jobs import Job, all_succeeded, succeeded
from sepme.client.operations import Bound, C, listing, operation
from sepme_core.documents.answers import (
    CertifiedVersion,
    ConceptDocument,
    EnvelopeDocument,
    ErasurePreview,
    JobDocument,
    VersionDocument,
)
from sepme_core.documents.requests import AskedErasure
from sepme_core.terms import Kind


@dataclass(frozen=True)
class TaggedConcept:
    """A concept as it was at one moment.

    Attributes:
        document: What it was.
        etag: Send it as `if_match`: what has changed since is not restored or purged.
    """

    document: ConceptDocument
    etag: str


@dataclass(frozen=True)
class Attestation(Download):
    """A signed statement, as it was sent. Nothing here checks its signature: docs/attestations.md says how."""

    @property
    def envelope(self) -> EnvelopeDocument:
        """The DSSE envelope."""
        envelope: EnvelopeDocument = json.loads(self.content)
        return envelope

    @property
    def statement(self) -> dict[str, Any]:
        """What is stated in it."""
        statement: dict[str, Any] = json.loads(base64.b64decode(self.envelope["payload"]))
        return statement


class ErasureFields(TypedDict, total=False):
    """What a request to erase may say of its concept."""

    kind: Kind
    prompts: list[str]
    protect: list[str]
    substitute: str
    same_as: str
    irrevocable: bool
    override: bool
    options: dict[str, Any]
    case: str
    reason: str


class _JobList(TypedDict):
    items: list[JobDocument]


class Concepts(Bound[C], Generic[C]):
    """`client.concepts`."""

    @listing
    def list(self, *, page_size: int | None = None) -> AsyncIterator[ConceptDocument]:
        """All concepts, by name."""
        return self.connection.items(calls.get("concepts"), page_size, ConceptDocument)

    @operation
    async def get(self, name: str) -> ConceptDocument:
        """A concept, by its name or a further one: what serves, what is under way, every version.

        Raises:
            NotFound: where there is none.
        """
        return await self.connection.document(calls.get("concepts", name), ConceptDocument)

    @operation
    async def get_tagged(self, name: str) -> TaggedConcept:
        """The same with its `ETag`, for changes that are to be made to what was seen alone.

        Raises:
            NotFound: where there is none.
        """
        response = await self.connection.answer(calls.get("concepts", name))
        return TaggedConcept(document_of(response, ConceptDocument), response.headers["ETag"])

    @operation
    async def versions(self, name: str) -> Sequence[VersionDocument]:
        """Every increment that was made for a concept.

        Raises:
            NotFound: where there is none.
        """
        concept = await self.connection.document(calls.get("concepts", name), ConceptDocument)
        return concept["versions"]

    @operation
    async def version(self, name: str, version: int) -> CertifiedVersion:
        """One increment that was made for a concept, with its certificate.

        Raises:
            NotFound: where there is no such concept, or no such version of it.
        """
        return await self.connection.document(calls.get("concepts", name, "versions", str(version)), CertifiedVersion)

    @operation
    async def preview(self, name: str, **body: Unpack[ErasureFields]) -> ErasurePreview:
        """What erasing a concept would come to, and what only a worker can tell. Nothing is changed.

        Args:
            name: The concept.
            body: What `erase` takes of the request: `kind`, `prompts`, `protect`, and so on.

        Raises:
            APIError: where the request would be refused at once.
        """
        call = replace(calls.make_unkeyed("concepts", name, "preview", **body), repeatable=True)
        return await self.connection.document(call, ErasurePreview)

    @operation
    async def erase(
        self,
        name: str,
        *,
        kind: Kind | None = None,
        prompts: Sequence[str] | None = None,
        protect: Sequence[str] | None = None,
        substitute: str | None = None,
        same_as: str | None = None,
        irrevocable: bool | None = None,
        override: bool | None = None,
        options: Mapping[str, Any] | None = None,
        case: str | None = None,
        reason: str | None = None,
        wait: bool = True,
        timeout: float | None = None,
    ) -> Job[C, ConceptDocument]:
        """Erase a concept. What is left out has the service's default.

        Args:
            name: The concept.
            kind: `style`, `object`, `person`, `explicit` or `other`: chooses the sentences around the prompts.
            prompts: How it is said; default: the name, hyphens as spaces.
            protect: Prompts that its increment must not change.
            substitute: What is drawn instead; chosen where left out.
            same_as: The concept that this is a further name of.
            irrevocable: True: it can never be restored.
            override: True: in spite of an overlap, or of what is still seen.
            options: Settings of the eraser, as in docs/openapi.json (`ErasureOptions`).
            case: Under which it is filed.
            reason: Why, in one line.
            wait: False: give the job at once, under way.
            timeout: Seconds to wait at most; None: however long it takes.

        Returns: its job, finished where it was waited for; `job.result` is the concept.

        Raises:
            JobFailed: where the concept cannot be erased.
            WaitTimeout: where the time is up; the job goes on.
            APIError: where the request is refused.
        """
        call = calls.make(
            "concepts",
            name,
            "erase",
            kind=kind,
            prompts=prompts and list(prompts),
            protect=protect and list(protect),
            substitute=substitute,
            same_as=same_as,
            irrevocable=irrevocable,
            override=override,
            options=options,
            case=case,
            reason=reason,
        )
        job = await self.connection.document(call, JobDocument)
        return Job(self.connection, await succeeded(self.connection, job, timeout) if wait else job)

    @operation
    async def erase_all(
        self,
        concepts: Sequence[AskedErasure],
        *,
        joint: bool | None = None,
        case: str | None = None,
        reason: str | None = None,
        wait: bool = True,
        timeout: float | None = None,
    ) -> tuple[Job[C, ConceptDocument], ...]:
        """Erase several concepts, accepted all or none.

        Args:
            concepts: For each its `name`, and what `erase` takes.
            joint: True: optimise them together.
            case: Under which those are filed that do not say it themselves.
            reason: Why, likewise.
            wait: False: give the jobs at once, under way.
            timeout: Seconds to wait at most for all of them; None: however long it takes.

        Returns: their jobs, in the same order.

        Raises:
            JobsFailed: where some cannot be erased.
            WaitTimeout: where the time is up; the jobs go on.
            APIError: where the request is refused.
        """
        call = calls.make("erasures", concepts=list(concepts), joint=joint, case=case, reason=reason)
        return await self._several(call, timeout, wait=wait)

    @operation
    async def erase_again(
        self,
        *,
        case: str | None = None,
        reason: str | None = None,
        wait: bool = True,
        timeout: float | None = None,
    ) -> tuple[Job[C, ConceptDocument], ...]:
        """Erase all that is stored for another model again, for the one that is served. Otherwise as `erase_all`."""
        return await self._several(calls.make("erasures", "again", case=case, reason=reason), timeout, wait=wait)

    @operation
    async def restore(
        self, name: str, *, if_match: str | None = None, case: str | None = None, reason: str | None = None
    ) -> ConceptDocument:
        """Restore a concept, and cancel a job that is erasing it. Idempotent.

        Args:
            name: The concept.
            if_match: The `etag` of `get_tagged`: refuse where it has changed since.
            case: Under which it is filed.
            reason: Why, in one line.

        Raises:
            NotFound: where there is none.
            Conflict: where it was erased for good, or is a further name.
            PreconditionFailed: where it has changed.
        """
        call = calls.delete("concepts", name, repeatable=if_match is None, case=case, reason=reason)
        return await self.connection.document(_matching(call, if_match), ConceptDocument)

    @operation
    async def purge(
        self, name: str, *, if_match: str | None = None, case: str | None = None, reason: str | None = None
    ) -> None:
        """Forget a concept altogether and give its capacity back. Otherwise as `restore`, but not idempotent."""
        call = calls.delete("concepts", name, repeatable=False, purge="true", case=case, reason=reason)
        await self.connection.answer(_matching(call, if_match))

    @operation
    async def lora(self, name: str, *, format: Literal["diffusers", "kohya"] | None = None) -> Download:
        """The concept's increment as a LoRA file (safetensors).

        Args:
            name: The concept.
            format: By whose names: `diffusers`, or `kohya` for ComfyUI and AUTOMATIC1111.

        Raises:
            NotFound, Conflict: where there is no such concept, or it has no increment.
        """
        return await self.connection.download(calls.get("concepts", name, "lora", format=format), f"{name}.safetensors")

    @operation
    async def attestation(self, name: str) -> Attestation:
        """A signed statement of what stands for a concept, and since when.

        Raises:
            NotFound, Conflict: where there is no such concept, or it has no increment.
        """
        response = await self.connection.answer(calls.get("concepts", name, "attestation"))
        return Attestation(response.content, f"{name}.json")

    @operation
    async def bundle(self, name: str) -> Download:
        """All that bears the attestation out, in a zip file for `sepme verify --bundle`.

        Raises:
            NotFound, Conflict: where there is no such concept, or it has no increment.
        """
        call = replace(calls.get("concepts", name, "bundle"), read_seconds=calls.LONG_SECONDS)
        return await self.connection.download(call, f"{name}.zip")

    async def _several(
        self, call: calls.Call, timeout: float | None, *, wait: bool
    ) -> tuple[Job[C, ConceptDocument], ...]:
        accepted: Sequence[JobDocument] = (await self.connection.document(call, _JobList))["items"]
        found = await all_succeeded(self.connection, accepted, timeout) if wait else accepted
        return tuple(Job(self.connection, job) for job in found)


def _matching(call: calls.Call, if_match: str | None) -> calls.Call:
    return call if if_match is None else replace(call, headers={"If-Match": if_match})
