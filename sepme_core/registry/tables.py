"""Every table of the registry. Rows are read and changed by the functions of the other modules, not by methods here.

Times are the database's (`types.database_time`). JSON columns are text on both databases, so that what is read back is
what was written, to the last digit: hash chains depend on it.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from sepme_core import logs
from sepme_core.documents.answers import Answer, ModelDescription
from sepme_core.documents.certificates import Certificate
from sepme_core.documents.pictures import PictureRecordDocument
from sepme_core.documents.requests import KnownDocument, MaskDocument
from sepme_core.registry.types import ID_LENGTH, Moment, Words, database_time
from sepme_core.terms import Floor

NAME = Words(64)
ID = Words(ID_LENGTH)
DIGEST = Words(71)
ACTOR = Words(128)
CASE = Words(64)
DOCUMENT = JSON(none_as_null=True)
OneOfSeveral = Any
"""A document whose type is told by the kind of the job, or by whether `knowledge.unfold` has written out the row.

Whoever reads it says by an annotation which one it is.
"""


def one_live(name: str, kind: str) -> Index:
    """At most one job of the kind that is queued or running, for each concept."""
    live = text(f"kind = '{kind}' AND state IN ('queued', 'running')")
    return Index(name, "concept", unique=True, sqlite_where=live, postgresql_where=live)


JOINT = text("together IS NOT NULL")


class Table(DeclarativeBase):
    """The metadata that migrations are compared with."""

    type_annotation_map = {  # noqa: RUF012  (SQLAlchemy reads it as a class attribute)
        datetime: Moment(),
        dict[str, Any]: DOCUMENT,
        list[Any]: DOCUMENT,
        list[str]: DOCUMENT,
        str: Words(),
    }
    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        }
    )


class Concept(Table):
    """A concept that was asked for once and not purged since. `version` points at the increment that stands for it."""

    __tablename__ = "concepts"
    __table_args__ = (CheckConstraint("state IN ('never-erased', 'erased', 'restored')", name="state"),)

    name: Mapped[str] = mapped_column(NAME, primary_key=True)
    kind: Mapped[str] = mapped_column(Words(16))
    prompts: Mapped[list[str]]
    protect: Mapped[list[str]]
    irrevocable: Mapped[bool] = mapped_column(default=False)
    state: Mapped[str] = mapped_column(Words(16), default="never-erased")
    version: Mapped[int | None]
    tag: Mapped[str] = mapped_column(ID)  # a new random word with each operator's change: the entity tag
    created_at: Mapped[datetime] = mapped_column(default=database_time())
    updated_at: Mapped[datetime] = mapped_column(default=database_time())


class Increment(Table):
    """One version of a concept's increment. The bytes are the blob `digest`; the row is never changed."""

    __tablename__ = "increments"
    __table_args__ = (
        UniqueConstraint("concept", "version"),
        Index(None, "digest"),
        # All that lists say of a version, so that its certificate is not read past.
        Index("ix_increments_listed", "concept", "version", "digest", "base_digest", "bytes", "reason", "created_at"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    concept: Mapped[str] = mapped_column(NAME, ForeignKey("concepts.name", ondelete="CASCADE"))
    version: Mapped[int]
    digest: Mapped[str] = mapped_column(DIGEST)
    base_digest: Mapped[str] = mapped_column(DIGEST)
    bytes: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[str] = mapped_column(Words(16))  # erased, reprojected, refined, substituted
    certificate: Mapped[Certificate] = mapped_column(DOCUMENT)
    settings: Mapped[dict[str, Any]]
    request: Mapped[OneOfSeveral] = mapped_column(DOCUMENT, nullable=False)  # the erase body that it was made by
    pinned: Mapped[OneOfSeveral] = mapped_column(DOCUMENT, nullable=False)  # what it was made with: see `knowledge`
    job_id: Mapped[str] = mapped_column(ID)
    created_at: Mapped[datetime] = mapped_column(default=database_time())


class KnownThing(Table):
    """An entry of what is known, protected or made together, as rows pin it. Never changed."""

    __tablename__ = "known_things"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    digest: Mapped[str] = mapped_column(DIGEST, unique=True)
    entry: Mapped[KnownDocument] = mapped_column(DOCUMENT)


class Knowledge(Table):
    """Lists of such entries: their ids by the name of the list, which never change."""

    __tablename__ = "knowledge"

    digest: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    entries: Mapped[dict[str, list[int]]] = mapped_column(DOCUMENT)
    unpinned_at: Mapped[datetime | None]  # when nothing was seen to pin it, nor was anything given it since


class FurtherName(Table):
    """A second name for a concept: its prompts are further wordings of that one, and nothing else is its own."""

    __tablename__ = "further_names"
    __table_args__ = (Index(None, "concept"),)

    name: Mapped[str] = mapped_column(NAME, primary_key=True)
    concept: Mapped[str] = mapped_column(NAME, ForeignKey("concepts.name", ondelete="CASCADE"))
    prompts: Mapped[list[str]]
    actor: Mapped[str] = mapped_column("holder", ACTOR)
    created_at: Mapped[datetime] = mapped_column(default=database_time())


class Job(Table):
    """Work asked for, its whole request included. The broker holds nothing but its id."""

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint("state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')", name="state"),
        one_live("uq_jobs_live_erasure", "erase"),
        one_live("uq_jobs_live_reprojection", "reproject"),
        one_live("uq_jobs_live_protection", "protect"),
        Index("ix_jobs_together", "together", sqlite_where=JOINT, postgresql_where=JOINT),
        Index(None, "state", "lease_until"),
        Index(None, "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    kind: Mapped[str] = mapped_column(Words(16))
    queue: Mapped[str] = mapped_column(Words(16))
    state: Mapped[str] = mapped_column(Words(16), default="queued")
    concept: Mapped[str | None] = mapped_column(NAME)  # no foreign key: a job outlives a purged concept
    request: Mapped[OneOfSeveral] = mapped_column(DOCUMENT, nullable=False)
    pinned: Mapped[OneOfSeveral] = mapped_column(DOCUMENT, nullable=False)
    actor: Mapped[str] = mapped_column("holder", ACTOR)
    case: Mapped[str | None] = mapped_column(CASE)  # no part of the request: it changes nothing of what is made
    reason: Mapped[str | None]
    attempt: Mapped[int] = mapped_column(default=0)
    losses: Mapped[int] = mapped_column(default=0)  # leases that ran out
    worker: Mapped[str | None] = mapped_column(ACTOR)
    lease_until: Mapped[datetime | None]
    base_digest: Mapped[str | None] = mapped_column(DIGEST)  # the only base whose workers may have it; None: any
    together: Mapped[str | None] = mapped_column(ID)  # jobs of one optimisation, which one worker does
    troubles: Mapped[int] = mapped_column(default=0, server_default="0")  # times put back: it was no fault of its own
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    cancelled_by: Mapped[str | None]  # what asked for it first, in words
    # Of the request that it was made for, or that made another one call for it.
    request_id: Mapped[str | None] = mapped_column(Words(128), default=logs.request_id)
    step: Mapped[int] = mapped_column(default=0)
    of: Mapped[int] = mapped_column(default=0)
    message: Mapped[str] = mapped_column(default="")
    event_count: Mapped[int] = mapped_column(default=0)
    result: Mapped[OneOfSeveral | None] = mapped_column(DOCUMENT)
    problem: Mapped[OneOfSeveral | None] = mapped_column(DOCUMENT)
    created_at: Mapped[datetime] = mapped_column(default=database_time())
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class FurtherAsker(Table):
    """Who asked for what a job of another holder was doing already, and on what grounds; see `jobs.further_askers`."""

    __tablename__ = "further_askers"

    job_id: Mapped[str] = mapped_column(ID, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    actor: Mapped[str] = mapped_column("holder", ACTOR, primary_key=True)
    case: Mapped[str | None] = mapped_column(CASE)
    reason: Mapped[str | None]
    request_id: Mapped[str | None] = mapped_column(Words(128), default=logs.request_id)


class Turn(Table):
    """When a holder was served last in a queue, counted by those who were since."""

    __tablename__ = "turns"

    queue: Mapped[str] = mapped_column(Words(16), primary_key=True)
    holder: Mapped[str] = mapped_column(ACTOR, primary_key=True)
    served: Mapped[int] = mapped_column(BigInteger)


class Event(Table):
    """One thing that happened to a job; `sequence` counts from 1 without gaps."""

    __tablename__ = "events"

    job_id: Mapped[str] = mapped_column(ID, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(Words(16))  # progress, succeeded, failed, cancelled
    data: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=database_time())


class Image(Table):
    """A picture: the PNG is the blob `digest`, `sha256` is of its raw RGB bytes."""

    __tablename__ = "images"
    __table_args__ = (Index(None, "job_id"),)

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    job_id: Mapped[str] = mapped_column(ID, ForeignKey("jobs.id", ondelete="CASCADE"))
    position: Mapped[int]
    digest: Mapped[str] = mapped_column(DIGEST)
    bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(DIGEST)
    seed: Mapped[int] = mapped_column(BigInteger)
    width: Mapped[int]
    height: Mapped[int]
    base_digest: Mapped[str] = mapped_column(DIGEST)
    mask: Mapped[MaskDocument] = mapped_column(DOCUMENT)
    record: Mapped[PictureRecordDocument] = mapped_column(DOCUMENT)
    actor: Mapped[str] = mapped_column("holder", ACTOR)
    created_at: Mapped[datetime] = mapped_column(default=database_time())


class Protected(Table):
    """Prompts that no increment may change."""

    __tablename__ = "protected"

    name: Mapped[str] = mapped_column(NAME, primary_key=True)
    prompts: Mapped[list[str]]
    created_at: Mapped[datetime] = mapped_column(default=database_time())
    updated_at: Mapped[datetime] = mapped_column(default=database_time())


class AuditEntry(Table):
    """A link of the hash chain: who changed what, from which digest to which."""

    __tablename__ = "audit"
    __table_args__ = (Index(None, "case", "sequence"),)

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(ACTOR)
    action: Mapped[str] = mapped_column(Words(32))
    concept: Mapped[str | None] = mapped_column(NAME)
    from_digest: Mapped[str | None] = mapped_column(DIGEST)
    to_digest: Mapped[str | None] = mapped_column(DIGEST)
    details: Mapped[dict[str, Any]]
    case: Mapped[str | None] = mapped_column(CASE)
    previous_hash: Mapped[str] = mapped_column(DIGEST)
    hash: Mapped[str] = mapped_column(DIGEST, unique=True)


class Key(Table):
    """What somebody asks with. Of its secret only a keyed hash is here; its name is the holder of what is made with it.

    A row stays for good once it is revoked, so that nobody else comes by its name, and by what belongs to it.
    """

    __tablename__ = "keys"

    id: Mapped[str] = mapped_column(ID, primary_key=True)  # the part of the key that may be shown
    name: Mapped[str] = mapped_column(NAME, unique=True)
    hash: Mapped[str] = mapped_column(DIGEST)
    previous_hash: Mapped[str | None] = mapped_column(DIGEST)  # of before it was rotated
    previous_until: Mapped[datetime | None]
    scopes: Mapped[list[str]]
    floor: Mapped[Floor] = mapped_column(DOCUMENT, nullable=False)
    quotas: Mapped[dict[str, Any]]
    made_by: Mapped[str] = mapped_column(ACTOR)
    created_at: Mapped[datetime] = mapped_column(default=database_time())
    rotated_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]


class Webhook(Table):
    """Who is told of changes, and at which address."""

    __tablename__ = "webhooks"

    name: Mapped[str] = mapped_column(NAME, primary_key=True)
    url: Mapped[str]
    events: Mapped[list[str]]
    secret: Mapped[str] = mapped_column(Words(128))  # as it is: a hash of it could sign nothing
    previous_secret: Mapped[str | None] = mapped_column(Words(128))  # signs beside the present one, for a while
    previous_until: Mapped[datetime | None]
    rotated_at: Mapped[datetime | None]
    from_settings: Mapped[bool] = mapped_column(default=False, server_default=false())
    made_by: Mapped[str] = mapped_column(ACTOR)
    created_at: Mapped[datetime] = mapped_column(default=database_time())
    free_at: Mapped[datetime] = mapped_column(default=database_time())  # until then somebody sends to it, or it rests
    disabled_at: Mapped[datetime | None]
    last_status: Mapped[str | None] = mapped_column(Words(256))
    last_sent_at: Mapped[datetime | None]


class Delivery(Table):
    """A message to one webhook, from the change that it tells of until it was taken."""

    __tablename__ = "deliveries"
    __table_args__ = (Index(None, "webhook", "given_up_at", "due_at"),)

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    webhook: Mapped[str] = mapped_column(NAME, ForeignKey("webhooks.name", ondelete="CASCADE"))
    event: Mapped[str] = mapped_column(Words(32))
    body: Mapped[str]  # the very text that is signed, the same each time
    attempt: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime] = mapped_column(default=database_time())
    last_status: Mapped[str | None] = mapped_column(Words(256))
    given_up_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=database_time())


class IdempotencyRecord(Table):
    """What was answered to an idempotency key."""

    __tablename__ = "idempotency"
    __table_args__ = (Index(None, "created_at"),)

    actor: Mapped[str] = mapped_column("holder", ACTOR, primary_key=True)
    method: Mapped[str] = mapped_column(Words(8), primary_key=True)
    path: Mapped[str] = mapped_column(Words(256), primary_key=True)
    key: Mapped[str] = mapped_column(Words(256), primary_key=True)
    body_digest: Mapped[str] = mapped_column(DIGEST)
    answer: Mapped[Answer | None] = mapped_column(DOCUMENT)
    created_at: Mapped[datetime] = mapped_column(default=database_time())


class ServedModel(Table):
    """A model that a worker announced; the one announced last is what is served."""

    __tablename__ = "models"
    __table_args__ = (Index(None, "announced_at"),)

    base_digest: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)  # a path or a hub id, as long as it may be
    description: Mapped[ModelDescription] = mapped_column(DOCUMENT)
    announced_at: Mapped[datetime] = mapped_column(default=database_time())


class Worker(Table):
    """A worker that announced itself, and when it was last seen."""

    __tablename__ = "workers"

    name: Mapped[str] = mapped_column(ACTOR, primary_key=True)
    queue: Mapped[str] = mapped_column(Words(16))
    base_digest: Mapped[str] = mapped_column(DIGEST)
    started_at: Mapped[datetime] = mapped_column(default=database_time())
    seen_at: Mapped[datetime] = mapped_column(default=database_time())
    conditioning_bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")  # K, V and embeddings


class Conditioning(Table):
    """How often K and V of a prompt under a mask were there already, over all workers that a queue ever had."""

    __tablename__ = "conditioning"

    queue: Mapped[str] = mapped_column(Words(16), primary_key=True)
    hits: Mapped[int] = mapped_column(BigInteger)
    misses: Mapped[int] = mapped_column(BigInteger)
