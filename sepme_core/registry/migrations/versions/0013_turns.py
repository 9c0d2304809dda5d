"""Holders take turns: which one was served when, counted in each queue. Who has the others of a group is looked up."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0013"
down_revision: str | None = "0012"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "turns",
        sa.Column("queue", sa.String(length=16), nullable=False),
        sa.Column("holder", sa.String(length=128), nullable=False),
        sa.Column("served", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("queue", "holder", name=op.f("pk_turns")),
    )
    joint = sa.text("together IS NOT NULL")
    op.create_index("ix_jobs_together", "jobs", ["together"], sqlite_where=joint, postgresql_where=joint)


def downgrade() -> None:
    op.drop_index("ix_jobs_together", "jobs")
    op.drop_table("turns")
