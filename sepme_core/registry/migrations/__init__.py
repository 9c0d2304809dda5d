"""Alembic migrations as package data, run from code: no `alembic.ini`, no path that depends on where one stands."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection

from sepme_core.registry.errors import DatabaseNewer

FOLDER = Path(__file__).parent


def configuration(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration; `connection` is what `env.py` migrates, inside the caller's transaction."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def is_outstanding(connection: Connection) -> bool:
    """Tell whether something is missing of this release's tables.

    Raises:
        DatabaseNewer: where the database is at a revision that is not among these files.
    """
    scripts = ScriptDirectory.from_config(configuration(connection))
    revision = MigrationContext.configure(connection).get_current_revision()
    if revision is not None:
        try:
            scripts.get_revision(revision)
        except CommandError as error:
            raise DatabaseNewer(revision) from error
    return revision != scripts.get_current_head()


def upgrade(connection: Connection) -> bool:
    """Run what is missing, in the transaction that `connection` is in; returns whether anything was.

    Raises:
        DatabaseNewer: as `is_outstanding` says.
    """
    if not is_outstanding(connection):
        return False
    command.upgrade(configuration(connection), "head")
    return True
