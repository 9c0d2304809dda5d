"""The case and the reason that jobs were asked for with, and the case of audit entries, to find them by."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0012"
down_revision: str | None = "0011"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("case", sa.String(length=64), nullable=True))
    op.add_column("jobs", sa.Column("reason", sa.String(), nullable=True))
    op.add_column("audit", sa.Column("case", sa.String(length=64), nullable=True))
    op.create_index(op.f("ix_audit_case_sequence"), "audit", ["case", "sequence"])


def downgrade() -> None:
    op.drop_index(op.f("ix_audit_case_sequence"), table_name="audit")
    op.drop_column("audit", "case")
    op.drop_column("jobs", "reason")
    op.drop_column("jobs", "case")
