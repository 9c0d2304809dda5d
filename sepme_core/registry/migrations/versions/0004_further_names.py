"""Further names of concepts."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "further_names",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("concept", sa.String(length=64), nullable=False),
        sa.Column("prompts", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("holder", sa.String(length=128), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["concept"], ["concepts.name"], name=op.f("fk_further_names_concept"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_further_names")),
    )
    op.create_index("ix_further_names_concept", "further_names", ["concept"])


def downgrade() -> None:
    op.drop_table("further_names")
