"""The record by which a picture can be made again, and pictures as they are answered."""

from typing import Any, Literal, NotRequired, TypedDict

from sepme_core.documents.requests import BatchSpan, MaskDocument, PictureRequestDocument

RECORD_ENTRY = "sepme"
"""The keyword of the text in a PNG that holds its record."""


class AppliedIncrement(TypedDict):
    """An increment that a picture was drawn with, as its record names it."""

    concept: str
    digest: str


class PictureRecordDocument(TypedDict):
    """All that a picture needs to be made again, in its PNG and on its row.

    The drawing writes it; the registry, `sepme verify` and clients read it.
    """

    warnings: NotRequired[list[str]]
    signed: NotRequired[bool]
    batches: NotRequired[list[BatchSpan]]
    compiled: NotRequired[bool]
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
    """How a picture is made again: a request, and its place among the pictures of that."""

    request: PictureRequestDocument
    row: int


class ImageDocument(PictureDocument):
    """A picture and its record; the front end writes it and clients read it."""

    job: str
    digest: str
    bytes: int
    signed: bool
    base_digest: str
    mask: MaskDocument
    record: PictureRecordDocument
    replay: ReplayDocument | None
    created_at: str


class SignerDocument(TypedDict):
    """Who signed a picture; see `provenance.inspection.SignerSeen`."""

    subject: str
    issuer: str
    keyid: str
    known: bool | None


class StatedIncrement(TypedDict):
    """A concept that was erased in a picture, and what stands for it here; the front end writes it."""

    name: str
    version: int | None
    digest: str
    stands: bool
    state: str | None


class InspectionDocument(TypedDict):
    """What a picture says of itself; the front end writes it and clients read it."""

    state: Literal["valid", "invalid", "unsigned"]
    reason: str | None
    signer: SignerDocument | None
    generator: str | None
    statement: dict[str, Any] | None
    record: dict[str, Any] | None
    base_served: bool | None
    increments: list[StatedIncrement]


class PicturesDocument(TypedDict):
    """The result of a job that draws; the registry writes it, the front end and clients read it."""

    images: list[PictureDocument]
    mask: MaskDocument
    base_digest: str
    warnings: NotRequired[list[str]]
