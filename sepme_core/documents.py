"""JSON documents that cross rooms, in the order of a request's life: asked for, pinned, made, published, answered.

They are types alone: what is written and read are plain dictionaries. `NotRequired` are members that are not always
said, and those that earlier releases did not store and readers do without.
"""

from typing import Any, Literal, NotRequired, TypedDict

from sepme_core.terms import Reason


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
    """The same before the registry has settled of which concept it is; no job stores `same_as`."""

    same_as: str | None


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


class SubstituteDocument(TypedDict):
    """What is drawn instead of a concept; see `substitute.Substitute`."""

    phrase: str | None
    how: Literal["asked", "chosen", "absence", "away"]
    correlation: float
    close_to: list[str]


class SightDocument(TypedDict):
    """What was seen of a concept in pictures under its increment; see `looking.Sight`."""

    forgotten: bool
    by: list[str]
    pictures: int
    seen_before: int
    seen: int
    limit: int
    margin: float


class LeakSummary(TypedDict):
    """By how much sentences that are to stay are moved."""

    max: float
    mean: float
    concept: str | None
    sentences: int
    by_concept: dict[str, float]


class LeakDocument(TypedDict):
    """By how much what is to stay is moved: by its listed sentences, and by others."""

    max: float
    concept: str | None
    by_concept: dict[str, float]
    listed: LeakSummary
    other: LeakSummary


class OverlapDocument(TypedDict):
    """The nearest of what is kept."""

    max: float
    concept: str | None


class DirectionsDocument(TypedDict):
    """The rank of an increment, and the room that there was for it."""

    used: int
    left: int
    of: int


class GivenUp(TypedDict):
    """Something protected that an overriding request gave up."""

    concept: str
    overlap: float


class EvidenceDocument(TypedDict):
    """A picture of a concept without its increment or with it, as the certificate lists it."""

    id: str
    url: str
    prompt: str
    seed: int
    erased: bool
    sha256: str


class AuditedAs(TypedDict):
    """The audit entry by which a version came to be."""

    sequence: int
    hash: str


class Measurements(TypedDict):
    """What is measured of an increment without drawing, whichever way it was made; the method writes it."""

    correlation: float
    relative_loss: float
    distance: float
    relative_norm: float
    leak: LeakDocument


class FreshMeasurements(Measurements):
    """What is measured and seen of a stored increment; the method writes it and `sepme verify` reads it."""

    forgotten: SightDocument


class Certificate(Measurements):
    """All that was measured and seen of an increment, in its file and on its version.

    The method writes it into the file; the worker adds how long it took, the registry its pictures and its audit entry.
    The method, the registry, `sepme verify` and clients read it.
    """

    substitute: NotRequired[SubstituteDocument]
    forgotten: NotRequired[SightDocument]
    overridden: NotRequired[list[str]]
    steps: int
    loop: str
    unreached: float
    overlap: OverlapDocument
    directions: DirectionsDocument
    given_up: list[GivenUp]
    attempt: NotRequired[int]
    effect_kept: NotRequired[float]
    reason: NotRequired[Reason]
    seconds: NotRequired[float]
    pictures: NotRequired[list[EvidenceDocument]]
    audit: NotRequired[AuditedAs]


class IncrementMetadata(TypedDict):
    """What the file of an increment says of itself; the method writes it, the method and the worker read it."""

    format: NotRequired[str]
    concept: str
    kind: str
    prompts: list[str]
    protect: list[str]
    base_digest: str
    constraints: list[str]
    captions: NotRequired[str]
    settings: dict[str, Any]
    certificate: Certificate


class AppliedIncrement(TypedDict):
    """An increment that a picture was drawn with, as its record names it."""

    concept: str
    digest: str


class PictureRecordDocument(TypedDict):
    """All that a picture needs to be made again, in its PNG and on its row.

    The drawing writes it; the registry, `sepme verify` and clients read it.
    """

    warnings: NotRequired[list[str]]
    prompt: str
    negative_prompt: str
    seed: int
    row: int
    batch_size: int
    steps: int
    guidance_scale: float
    width: int
    height: int
    scheduler: str
    base_digest: str
    autoencoder_digest: NotRequired[str]
    increments: list[AppliedIncrement]
    device: str
    threads: NotRequired[int]
    dtype: str
    libraries: dict[str, str]


class PictureDocument(TypedDict):
    """A picture in the result of its job; the registry writes it, the front end and clients read it."""

    id: str
    url: str
    seed: int
    sha256: str
    width: int
    height: int


class RefusalPicture(PictureDocument):
    """A picture that a refusal rests on."""

    erased: bool


class ReplayDocument(TypedDict):
    """How a picture is made again: a request for its whole batch, and its place there."""

    request: PictureRequestDocument
    row: int


class ImageDocument(PictureDocument):
    """A picture and its record; the front end writes it and clients read it."""

    job: str
    digest: str
    bytes: int
    base_digest: str
    mask: MaskDocument
    record: PictureRecordDocument
    replay: ReplayDocument | None
    created_at: str


class PicturesDocument(TypedDict):
    """The result of a job that draws; the registry writes it, the front end and clients read it."""

    images: list[PictureDocument]
    mask: MaskDocument
    base_digest: str
    warnings: NotRequired[list[str]]


class VersionDocument(TypedDict):
    """A version as its concept lists it; the registry writes it and clients read it."""

    version: int
    digest: str
    base_digest: str
    bytes: int
    reason: str
    created_at: str


class FurtherNameDocument(TypedDict):
    """A further name as its concept lists it; the registry writes it and clients read it."""

    name: str
    prompts: list[str]
    created_at: str


class ConceptDocument(TypedDict):
    """A concept, and the result of a job on one; the registry writes it, the front end and clients read it."""

    name: str
    kind: str
    state: str
    job: str | None
    irrevocable: bool
    prompts: list[str]
    protect: list[str]
    substitute: str | None
    further_names: list[FurtherNameDocument]
    version: int | None
    digest: str | None
    base_digest: str | None
    bytes: int | None
    certificate: Certificate | None
    versions: list[VersionDocument]
    created_at: str
    updated_at: str


class ProtectedDocument(TypedDict):
    """Protected prompts, and the result of a job that protects; the registry writes it and clients read it."""

    name: str
    prompts: list[str]
    created_at: str
    updated_at: str


ResultDocument = ConceptDocument | ProtectedDocument | PicturesDocument
"""What a job that succeeded ends with, by its kind."""


class FieldProblem(TypedDict, total=False):
    """A field of a request that does not fit."""

    location: str
    pointer: str
    name: str
    detail: str


class OpenAIError(TypedDict):
    """What OpenAI's clients read of a problem; the front end writes it."""

    message: str
    type: str
    param: str | None
    code: str


class ProblemDocument(TypedDict):
    """What went wrong (RFC 9457), with more members by its type.

    The worker or the registry writes it on the job, the front end answers with it, and clients read it.
    """

    type: str
    title: str
    status: int
    detail: str
    remedy: NotRequired[str]
    instance: NotRequired[str]
    job: NotRequired[str]
    incident: NotRequired[str]
    concept: NotRequired[str]
    concepts: NotRequired[list[str]]
    pictures: NotRequired[list[RefusalPicture]]
    errors: NotRequired[list[FieldProblem]]
    error: NotRequired[OpenAIError]


class EndDocument(TypedDict, total=False):
    """The data of a job's last event: its result or its problem, neither where it was cancelled."""

    result: ResultDocument
    problem: ProblemDocument


class ProgressDocument(TypedDict):
    """How far a job has come; the registry writes it and clients read it."""

    step: int
    of: int
    message: str


class JobDocument(TypedDict):
    """A job; the registry writes it, the front end and clients read it."""

    id: str
    kind: str
    state: str
    concept: str | None
    request: AnsweredRequest
    progress: ProgressDocument
    attempt: int
    cancel_requested: bool
    cancelled_by: str | None
    created_at: str
    started_at: str | None
    finished_at: str | None
    result: ResultDocument | None
    problem: ProblemDocument | None


Answer = TypedDict(
    "Answer",
    {
        "jobs": list[str],
        "protected": NotRequired[ProtectedDocument | None],
        "is_new": NotRequired[bool],
        "try": NotRequired[int],
    },
)
"""What is remembered of a request that made jobs: their ids, and whatever else its answer is made of.

The front end writes and reads it; the registry keeps it under the request's idempotency key.
"""


class AuditDocument(TypedDict):
    """An entry of the audit, of which all but `hash` is hashed; the registry writes it and clients read it."""

    sequence: int
    at: str
    actor: str
    action: str
    concept: str | None
    from_digest: str | None
    to_digest: str | None
    details: dict[str, Any]
    previous_hash: str
    hash: str


class ModelDefaults(TypedDict):
    """What a request for pictures gets that does not say."""

    steps: int
    guidance_scale: float
    width: int
    height: int
    scheduler: str


class ModelLimits(TypedDict):
    """What a request may ask for: smallest and largest value, both included."""

    steps: list[int]
    count: list[int]
    guidance_scale: list[float]
    width: list[int]
    height: list[int]
    multiple_of: int
    prompt_tokens: NotRequired[int]
    schedulers: list[str]
    least_steps: NotRequired[dict[str, int]]


class ModelSuggestions(TypedDict):
    """What the model card says it draws."""

    styles: list[str]
    objects: list[str]
    prompt: str


class Capacity(TypedDict):
    """The room that a model has for increments."""

    directions: int
    left: int


class ModelDescription(TypedDict):
    """The model that is served; the worker writes it, and the registry, the front end and clients read it."""

    name: str
    family: str
    revision: str | None
    base_digest: str
    prediction_type: str
    defaults: ModelDefaults
    limits: ModelLimits
    suggestions: ModelSuggestions
    capacity: NotRequired[Capacity]
