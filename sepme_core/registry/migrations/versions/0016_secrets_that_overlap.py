"""Webhooks get new secrets, and the old one signs beside it for a while."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from sepme_core.registry.types import Moment

revision: str = "0016"
down_revision: str | None = "0014"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("webhooks", sa.Column("previous_secret", sa.String(length=64), nullable=True))
    op.add_column("webhooks", sa.Column("previous_until", Moment(), nullable=True))
    op.add_column("webhooks", sa.Column("rotated_at", Moment(), nullable=True))


def downgrade() -> None:
    for column in ("rotated_at", "previous_until", "previous_secret"):
        op.drop_column("webhooks", column)
