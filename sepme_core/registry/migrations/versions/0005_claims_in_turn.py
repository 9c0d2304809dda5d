"""A claim looks at the base, and at who has others of the same group; jobs are no longer rung for one by one."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

BASE_OF_PICTURES = {
    "sqlite": "json_extract(pinned, '$.base_digest')",
    "postgresql": "pinned ->> 'base_digest'",
}


def upgrade() -> None:
    op.add_column("jobs", sa.Column("base_digest", sa.String(length=71), nullable=True))
    op.add_column("jobs", sa.Column("together", sa.String(length=32), nullable=True))
    op.add_column("jobs", sa.Column("troubles", sa.Integer(), nullable=False, server_default="0"))
    op.drop_column("jobs", "rung_at")
    op.drop_column("jobs", "rings")
    pinned = BASE_OF_PICTURES[op.get_bind().dialect.name]
    live = "kind = 'generate' AND state IN ('queued', 'running')"
    op.execute(f"UPDATE jobs SET base_digest = {pinned} WHERE {live}")  # noqa: S608  (nothing of it is a client's)


def downgrade() -> None:
    op.add_column("jobs", sa.Column("rings", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("jobs", sa.Column("rung_at", sa.DateTime(timezone=True), nullable=True))
    op.drop_column("jobs", "troubles")
    op.drop_column("jobs", "together")
    op.drop_column("jobs", "base_digest")
