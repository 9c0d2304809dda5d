"""At most one live job that protects prompts, for each name."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

LIVE_PROTECTION = sa.text("kind = 'protect' AND state IN ('queued', 'running')")


def upgrade() -> None:
    op.create_index(
        "uq_jobs_live_protection",
        "jobs",
        ["concept"],
        unique=True,
        sqlite_where=LIVE_PROTECTION,
        postgresql_where=LIVE_PROTECTION,
    )


def downgrade() -> None:
    op.drop_index("uq_jobs_live_protection", "jobs")
