"""Column types that hold the same on both databases."""

import re

from sqlalchemy import Dialect, String, TypeDecorator

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
