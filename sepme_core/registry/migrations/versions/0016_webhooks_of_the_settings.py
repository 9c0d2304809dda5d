"""Webhooks get new secrets, with the old one beside it for a while, and may be those that the settings name."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from sepme_core.registry.types import Moment

revision: str = "0016"
down_revision: str | None = "0015"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    with op.batch_alter_table("webhooks") as batch:
        batch.alter_column(
            "secret", existing_type=sa.String(length=64), type_=sa.String(length=128), existing_nullable=False
        )
        batch.add_column(sa.Column("previous_secret", sa.String(length=128), nullable=True))
        batch.add_column(sa.Column("previous_until", Moment(), nullable=True))
        batch.add_column(sa.Column("rotated_at", Moment(), nullable=True))
        batch.add_column(sa.Column("from_settings", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    op.execute("DELETE FROM deliveries WHERE webhook IN (SELECT name FROM webhooks WHERE length(secret) > 64)")
    op.execute("DELETE FROM webhooks WHERE length(secret) > 64")
    for column in ("from_settings", "rotated_at", "previous_until", "previous_secret"):
        op.drop_column("webhooks", column)
    if op.get_bind().dialect.name == "postgresql":  # SQLite holds no text to a length
        op.alter_column("webhooks", "secret", type_=sa.String(length=64), existing_nullable=False)
