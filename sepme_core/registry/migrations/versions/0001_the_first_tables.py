"""The first tables."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True)
LIVE_ERASURE = sa.text("kind = 'erase' AND state IN ('queued', 'running')")


def upgrade() -> None:
    _audit()
    _concepts()
    _idempotency()
    _jobs()
    _models()
    _protected()
    _workers()
    _events()
    _images()
    _increments()


def downgrade() -> None:
    for table in (
        "increments",
        "images",
        "events",
        "workers",
        "protected",
        "models",
        "jobs",
        "idempotency",
        "concepts",
        "audit",
    ):
        op.drop_table(table)


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("concept", sa.String(length=64), nullable=True),
        sa.Column("from_digest", sa.String(length=71), nullable=True),
        sa.Column("to_digest", sa.String(length=71), nullable=True),
        sa.Column("details", JSON, nullable=False),
        sa.Column("previous_hash", sa.String(length=71), nullable=False),
        sa.Column("hash", sa.String(length=71), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_audit")),
        sa.UniqueConstraint("hash", name=op.f("uq_audit_hash")),
    )


def _concepts() -> None:
    op.create_table(
        "concepts",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("prompts", JSON, nullable=False),
        sa.Column("protect", JSON, nullable=False),
        sa.Column("irrevocable", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("tag", sa.String(length=32), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.CheckConstraint("state IN ('never-erased', 'erased', 'restored')", name=op.f("ck_concepts_state")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_concepts")),
    )


def _idempotency() -> None:
    op.create_table(
        "idempotency",
        sa.Column("holder", sa.String(length=128), nullable=False),
        sa.Column("method", sa.String(length=8), nullable=False),
        sa.Column("path", sa.String(length=256), nullable=False),
        sa.Column("key", sa.String(length=256), nullable=False),
        sa.Column("body_digest", sa.String(length=71), nullable=False),
        sa.Column("answer", JSON, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("holder", "method", "path", "key", name=op.f("pk_idempotency")),
    )
    op.create_index("ix_idempotency_created_at", "idempotency", ["created_at"])


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("queue", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("concept", sa.String(length=64), nullable=True),
        sa.Column("request", JSON, nullable=False),
        sa.Column("pinned", JSON, nullable=False),
        sa.Column("holder", sa.String(length=128), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("losses", sa.Integer(), nullable=False),
        sa.Column("worker", sa.String(length=128), nullable=True),
        sa.Column("lease_until", MOMENT, nullable=True),
        sa.Column("rung_at", MOMENT, nullable=True),
        sa.Column("rings", sa.Integer(), nullable=False),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("of", sa.Integer(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("event_count", sa.Integer(), nullable=False),
        sa.Column("result", JSON, nullable=True),
        sa.Column("problem", JSON, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("started_at", MOMENT, nullable=True),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')", name=op.f("ck_jobs_state")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    op.create_index("ix_jobs_created_at_id", "jobs", ["created_at", "id"])
    op.create_index("ix_jobs_state_lease_until", "jobs", ["state", "lease_until"])
    op.create_index(
        "uq_jobs_live_erasure",
        "jobs",
        ["concept"],
        unique=True,
        sqlite_where=LIVE_ERASURE,
        postgresql_where=LIVE_ERASURE,
    )


def _models() -> None:
    op.create_table(
        "models",
        sa.Column("base_digest", sa.String(length=71), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", JSON, nullable=False),
        sa.Column("announced_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("base_digest", "name", name=op.f("pk_models")),
    )
    op.create_index("ix_models_announced_at", "models", ["announced_at"])


def _protected() -> None:
    op.create_table(
        "protected",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("prompts", JSON, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_protected")),
    )


def _workers() -> None:
    op.create_table(
        "workers",
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("queue", sa.String(length=16), nullable=False),
        sa.Column("base_digest", sa.String(length=71), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_workers")),
    )


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("job_id", sa.String(length=32), nullable=False),
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("data", JSON, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_events_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "sequence", name=op.f("pk_events")),
    )


def _images() -> None:
    op.create_table(
        "images",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("job_id", sa.String(length=32), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=71), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("base_digest", sa.String(length=71), nullable=False),
        sa.Column("mask", JSON, nullable=False),
        sa.Column("record", JSON, nullable=False),
        sa.Column("holder", sa.String(length=128), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_images_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_images")),
    )
    op.create_index("ix_images_job_id", "images", ["job_id"])


def _increments() -> None:
    op.create_table(
        "increments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("concept", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("base_digest", sa.String(length=71), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("certificate", JSON, nullable=False),
        sa.Column("settings", JSON, nullable=False),
        sa.Column("request", JSON, nullable=False),
        sa.Column("pinned", JSON, nullable=False),
        sa.Column("job_id", sa.String(length=32), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["concept"], ["concepts.name"], name=op.f("fk_increments_concept"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_increments")),
        sa.UniqueConstraint("concept", "version", name=op.f("uq_increments_concept_version")),
    )
    op.create_index("ix_increments_digest", "increments", ["digest"])
