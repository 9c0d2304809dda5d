"""Write a new migration: `python -m sepme_core.registry.migrations "what it does"`.

It holds what the tables in the code have beyond the migrations so far; read it before believing it.
"""

import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.script import ScriptDirectory

from sepme_core.registry import migrations
from sepme_core.registry.database import make_engine, migrate


def write(message: str) -> None:
    """Compare the tables in the code with a database made by the migrations, and write the difference down."""
    with tempfile.TemporaryDirectory() as folder:
        engine = make_engine(f"sqlite:///{Path(folder) / 'migrated.sqlite3'}")
        migrate(engine)
        with engine.begin() as connection:
            config = migrations.configuration(connection)
            number = len(list(ScriptDirectory.from_config(config).walk_revisions())) + 1
            command.revision(config, message, autogenerate=True, rev_id=f"{number:04}")
        engine.dispose()


if __name__ == "__main__":
    if len(sys.argv) != 2:  # noqa: PLR2004  (the command and its one argument)
        sys.exit(__doc__)
    write(sys.argv[1])
