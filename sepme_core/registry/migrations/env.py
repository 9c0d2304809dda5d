"""What Alembic runs: the migrations, on the connection and in the transaction that `upgrade` was given."""

from typing import Any, Literal

from alembic import context
from sqlalchemy import TypeDecorator

from sepme_core.registry.tables import Table


def spell_type(kind: str, item: Any, _context: object) -> str | Literal[False]:
    """Write our column types as what they are to the database, so that old migrations do not depend on new code."""
    if kind == "type" and isinstance(item, TypeDecorator):
        return f"sa.{item.impl!r}"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    transactional_ddl=True,
    render_as_batch=True,
    render_item=spell_type,
)
with context.begin_transaction():
    context.run_migrations()
