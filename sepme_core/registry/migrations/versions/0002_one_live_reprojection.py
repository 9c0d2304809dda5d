"""At most one live re-projection for each concept."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

LIVE_REPROJECTION = sa.text("kind = 'reproject' AND state IN ('queued', 'running')")


def upgrade() -> None:
    op.create_index(
        "uq_jobs_live_reprojection",
        "jobs",
        ["concept"],
        unique=True,
        sqlite_where=LIVE_REPROJECTION,
        postgresql_where=LIVE_REPROJECTION,
    )


def downgrade() -> None:
    op.drop_index("uq_jobs_live_reprojection", "jobs")
