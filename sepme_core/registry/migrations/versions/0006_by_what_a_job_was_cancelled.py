"""By what a job was cancelled."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("cancelled_by", sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column("jobs", "cancelled_by")
