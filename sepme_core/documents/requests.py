"""What is asked of jobs, what they pin, and what an erasure is held against."""

from typing import Any, Literal, NotRequired, TypedDict


class AskedErasure(TypedDict):
    """A body to erase a concept; the front end writes it, and the registry fills in the defaults."""

    name: str
    kind: NotRequired[str]
    prompts: NotRequired[list[str]]
    protect: NotRequired[list[str]]
    substitute: NotRequired[str | None]
    same_as: NotRequired[str | None]
    irrevocable: NotRequired[bool]
    override: NotRequired[bool]
    options: NotRequired[dict[str, Any]]
    case: NotRequired[str | None]
    reason: NotRequired[str | None]


class KnownDocument(TypedDict):
    """What an increment is to leave alone: a known concept, protected prompts, or what is made together with it.

    The registry writes it, jobs and versions pin it, and the worker makes the method's `KnownConcept` of it. Protected
    prompts are of no kind.
    """

    name: str
    prompts: list[str]
    kind: NotRequired[str]
    erased: NotRequired[bool]
    decided: NotRequired[bool]


class ErasureDocument(KnownDocument):
    """A request to erase one concept, its defaults filled in; the registry writes it and the worker reads it.

    Those made together know each other by it.
    """

    protect: list[str]
    substitute: NotRequired[str | None]
    irrevocable: bool
    override: bool
    options: dict[str, Any]


class ErasureRequestDocument(ErasureDocument):
    """The same as a claim carries it: with the bodies of all that are made together, by name, its own among them."""

    group: NotRequired[list[ErasureDocument]]


class NewErasure(ErasureRequestDocument):
    """The same before the registry has settled of which concept it is; no stored request has these members."""

    same_as: str | None
    case: str | None
    reason: str | None


class KeptGroup(TypedDict):
    """Where the registry keeps the bodies of a group: their names, and the digest of their list."""

    names: list[str]
    knowledge: str


class StoredErasure(ErasureDocument):
    """A request to erase as rows of jobs and increments hold it; the registry alone reads it."""

    group: NotRequired[KeptGroup]


class NamedOnly(TypedDict):
    """One of those made together, as a job's document names it to clients."""

    name: str


class AnsweredErasure(ErasureDocument):
    """A request to erase as its job's document shows it to clients."""

    group: NotRequired[list[NamedOnly]]


class ProtectRequest(KnownDocument):
    """A request to protect prompts; the registry writes it, its claim carries it, and the worker reads it."""


class ReprojectRequest(TypedDict):
    """A request to bring a concept's increment to what is known; the registry writes it, its claim carries it."""

    name: str


class BatchSpan(TypedDict):
    """For so many denoising steps a picture was, or is to be, in a batch of so many; of a record or a request."""

    size: int
    steps: int


class PictureRequestDocument(TypedDict):
    """A request for pictures, the model's defaults filled in; the front end writes it and the worker reads it."""

    prompt: str
    negative_prompt: str
    erased: Literal["active"] | list[str]
    seed: int
    count: int
    steps: int
    guidance_scale: float
    width: int
    height: int
    scheduler: str
    batches: NotRequired[list[BatchSpan]]


RequestDocument = ErasureRequestDocument | ProtectRequest | ReprojectRequest | PictureRequestDocument
"""What a claim carries, by the kind of its job."""
StoredRequest = StoredErasure | ProtectRequest | ReprojectRequest | PictureRequestDocument
"""What a job's row holds."""
AnsweredRequest = AnsweredErasure | ProtectRequest | ReprojectRequest | PictureRequestDocument
"""What a job's document shows."""


class NamedIncrement(TypedDict):
    """An increment by its concept and its digest; the registry writes it, and the worker reads the file."""

    name: str
    digest: str


class TrainedVersion(TypedDict):
    """The version that a re-projection starts from."""

    version: int
    digest: str


class KeptKnowledge(TypedDict):
    """What a row pins of all that is known: the digest of the lists, and the names that it leaves out of them."""

    knowledge: str
    besides: list[str]


class StoredPins(TypedDict, total=False):
    """What the rows of jobs on concepts pin; the registry alone reads it. A job just accepted pins nothing yet."""

    knowledge: str
    besides: list[str]
    irrevocable: list[NamedIncrement]
    keep_state: str
    trained: TrainedVersion


class Pinned(TypedDict):
    """The same written out, as a claim carries it to the worker."""

    known: list[KnownDocument]
    protected: list[KnownDocument]
    irrevocable: NotRequired[list[NamedIncrement]]
    keep_state: NotRequired[str]
    trained: NotRequired[TrainedVersion]


class MaskedConcept(NamedIncrement):
    """An increment that is applied; version 0 was never published."""

    version: int


class MaskDocument(TypedDict):
    """The increments of a picture, by name, and the digest of theirs; the registry writes it, everybody reads it."""

    digest: str
    concepts: list[MaskedConcept]


class PinnedMask(TypedDict):
    """What a job that draws pins, stored as it is; the registry writes it, and the worker reads it off its claim."""

    mask: MaskDocument
    base_digest: str
    irrevocable: list[str]


JobPins = StoredPins | PinnedMask
"""What a job's row holds."""
ClaimedPins = Pinned | PinnedMask
"""What a claim carries, by the kind of its job."""


class ServingDocument(KnownDocument):
    """A concept that is erased while another one is being made; the registry writes it and the worker reads it."""

    digest: str
    version: int


class LeaningDocument(NamedIncrement):
    """A version that draws a named thing instead of its concept; the registry writes it and the worker reads it."""

    substitute: str | None
    close_to: list[str]


class EarlierDocument(KnownDocument):
    """A concept that is being erased by a job accepted before; the registry writes it and the worker waits for it."""

    job_id: str
    state: str


class NewcomerDocument(KnownDocument):
    """A concept that came while another one was being made; the registry writes it and the worker weighs it."""

    digest: str | None
