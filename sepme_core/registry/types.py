"""Column types that hold the same on both databases, the database's own clock, and ids that cannot be guessed."""

import re
import secrets
from datetime import UTC, datetime
from typing import Any, overload

from sqlalchemy import ColumnElement, DateTime, Dialect, Float, String, TypeDecorator, cast, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

UNSTORABLE = re.compile("[\0\ud800-\udfff]")
REPLACEMENT = "\ufffd"


class Words(TypeDecorator[str]):
    """Text. What a database cannot hold becomes U+FFFD: NUL (PostgreSQL) and lone surrogates (neither).

    So a name from a URL that holds one finds nothing, instead of failing in the driver. JSON columns escape both.
    """

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Replace what cannot be stored."""
        if value is None:
            return None
        return UNSTORABLE.sub(REPLACEMENT, value)


class Moment(TypeDecorator[datetime]):
    """A point in time in UTC, always with its zone. SQLite keeps it as text that sorts as the times do."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Hand the database UTC; SQLite gets it without a zone, which it could not keep."""
        if value is None:
            return None
        in_utc = value.astimezone(UTC)
        return in_utc.replace(tzinfo=None) if dialect.name == "sqlite" else in_utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Give back UTC with its zone, whatever zone the database's session is in."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class database_time(FunctionElement[datetime]):  # noqa: N801  (reads as the SQL function that it is)
    """The present by the database's clock, moved by `offset` seconds: `database_time(8.0)` is in eight seconds.

    The time of the statement and not of the transaction's start: a claim that waited for a row must not count the wait.
    """

    type = Moment()
    inherit_cache = True

    def __init__(self, offset: ColumnElement[Any] | float = 0.0) -> None:
        super().__init__(cast(offset, Float(53)))


@compiles(database_time, "postgresql")
def _on_postgresql(element: database_time, compiler: SQLCompiler, **options: Any) -> str:
    return f"(clock_timestamp() + make_interval(secs => {compiler.process(element.clauses, **options)}))"


@compiles(database_time, "sqlite")
def _on_sqlite(element: database_time, compiler: SQLCompiler, **options: Any) -> str:
    offset = compiler.process(element.clauses, **options)
    # %f is seconds with milliseconds; three zeros more give the six digits that SQLAlchemy writes, so texts compare.
    return f"strftime('%Y-%m-%d %H:%M:%f000', 'now', ({offset}) || ' seconds')"


class spelt(FunctionElement[str]):  # noqa: N801  (reads as the SQL function that it is)
    """A stored moment as `timestamp` spells it, by the database: a long list has thousands of them."""

    type = String()
    inherit_cache = True


@compiles(spelt, "postgresql")
def _spelt_on_postgresql(element: spelt, compiler: SQLCompiler, **options: Any) -> str:
    moment = compiler.process(element.clauses, **options)
    return f"""to_char({moment} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""


@compiles(spelt, "sqlite")
def _spelt_on_sqlite(element: spelt, compiler: SQLCompiler, **options: Any) -> str:
    return f"(replace({compiler.process(element.clauses, **options)}, ' ', 'T') || 'Z')"


_NOW = select(database_time())


def now(session: Session) -> datetime:
    """Ask the database for the time, in UTC."""
    return session.execute(_NOW).scalar_one()


@overload
def timestamp(moment: datetime) -> str: ...
@overload
def timestamp(moment: None) -> None: ...
@overload
def timestamp(moment: datetime | None) -> str | None: ...
def timestamp(moment: datetime | None) -> str | None:
    """Spell a moment for JSON: RFC 3339 in UTC, microseconds, `Z`."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


ID_LENGTH = 32
"""The longest that an id may be."""


def new_id() -> str:
    """Return 128 random bits, url-safe: 22 characters."""
    return secrets.token_urlsafe(16)
