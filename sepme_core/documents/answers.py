"""What clients are answered: concepts, protected entries, problems, jobs, the audit, the model."""

from typing import Any, Literal, NotRequired, TypedDict

from sepme_core.documents.certificates import Certificate
from sepme_core.documents.pictures import PicturesDocument, RefusalPicture
from sepme_core.documents.requests import AnsweredRequest


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


class CertifiedVersion(VersionDocument):
    """A version with what was measured of it; the registry writes it and clients read it."""

    certificate: Certificate


class CloseWords(TypedDict):
    """What is known or protected and shares words with what is asked to be erased."""

    name: str
    kind: str
    words: list[str]


class MadeAgain(TypedDict):
    """A concept whose increment is made again when another one is erased."""

    concept: str
    because: str


class ErasurePreview(TypedDict):
    """What a request to erase would come to; the registry writes it and clients read it."""

    concept: str
    outcome: Literal["job", "under-way", "serves-again", "nothing"]
    job: str | None
    shares_words: list[CloseWords]
    suggested: bool | None
    made_again: list[MadeAgain]
    measured_later: list[str]


class KeyUse(TypedDict):
    """What was asked for with a key; the registry writes it and clients read it."""

    waiting_jobs: int
    erasures: int
    generations: int


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
    request_id: NotRequired[str]
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


class Measures(TypedDict, total=False):
    """What a progress event of an erasure tells besides; the worker writes it and clients read it."""

    loss: float
    momentum: float
    seconds_left: int


class JobDocument(TypedDict):
    """A job; the registry writes it, the front end and clients read it."""

    id: str
    kind: str
    state: str
    position: NotRequired[int | None]
    concept: str | None
    request: AnsweredRequest
    case: str | None
    reason: str | None
    progress: ProgressDocument
    attempt: int
    cancel_requested: bool
    cancelled_by: str | None
    request_id: str | None
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
    case: NotRequired[str]
    previous_hash: str
    hash: str


class KeyDocument(TypedDict):
    """A key without its secret; the registry writes it and clients read it."""

    id: str
    name: str
    scopes: list[str]
    floor: str | list[str]
    quotas: dict[str, Any]
    made_by: str
    created_at: str
    rotated_at: str | None
    expires_at: str | None
    revoked_at: str | None
    used_at: str | None
    use: NotRequired[KeyUse]


class ShownKey(KeyDocument):
    """A key as it is shown once; the front end writes it and clients read it."""

    key: str


class UndeliveredDocument(TypedDict):
    """A message that was given up."""

    id: str
    event: str
    attempts: int
    status: str | None
    created_at: str
    given_up_at: str


class WebhookDocument(TypedDict):
    """A webhook without its secret; the registry writes it and clients read it."""

    name: str
    url: str
    events: list[str]
    from_settings: bool
    made_by: str
    created_at: str
    rotated_at: str | None
    disabled_at: str | None
    last_status: str | None
    last_sent_at: str | None
    waiting: int
    given_up: int
    undelivered: list[UndeliveredDocument]


class ShownWebhook(WebhookDocument):
    """A webhook as it is shown once; the front end writes it and clients read it."""

    secret: str


class WaitingMessage(TypedDict):
    """A message that will be sent; the front end writes it and clients read it."""

    id: str


class SignatureDocument(TypedDict):
    """A signature as an envelope lists it."""

    keyid: str
    sig: str


class EnvelopeDocument(TypedDict):
    """A signed statement (DSSE); the front end writes it and clients read it."""

    payloadType: str
    payload: str
    signatures: list[SignatureDocument]


class ProblemDescription(TypedDict):
    """What one kind of problem means; the front end writes it and clients read it."""

    type: str
    status: int
    title: str
    remedy: str


class LifeDocument(TypedDict):
    """That the service answers; the front end writes it and clients read it."""

    status: Literal["up"]


class PartDocument(TypedDict):
    """One part of a service's surroundings."""

    status: Literal["up", "degraded", "down"]
    detail: str


class ReadinessDocument(TypedDict):
    """What of a service is up; the front end writes it and clients read it."""

    status: Literal["ready", "degraded", "unusable"]
    database: PartDocument
    broker: PartDocument
    workers: dict[str, PartDocument]
    model: PartDocument
    storage: PartDocument
    audit: NotRequired[PartDocument]


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


class SigningDocument(TypedDict):
    """Whether pictures carry a signed manifest, and whose; the worker writes it and clients read it."""

    pictures: Literal["required", "marked", "off"]
    keyid: str | None


class ModelDocument(TypedDict):
    """The model that is served, as clients are answered it."""

    name: str
    family: str
    base_digest: str
    defaults: ModelDefaults
    limits: ModelLimits
    suggestions: ModelSuggestions
    capacity: NotRequired[Capacity]
    signing: NotRequired[SigningDocument]


class ModelDescription(ModelDocument):
    """The same as it is announced; the worker writes it, and the registry and the front end read it."""

    revision: str | None
    prediction_type: str
