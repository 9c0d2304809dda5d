"""What is measured of an increment, and what its file says of itself."""

from typing import Any, Literal, NotRequired, TypedDict

from sepme_core.terms import Reason


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
    case: NotRequired[str | None]
    stated_reason: NotRequired[str | None]


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
