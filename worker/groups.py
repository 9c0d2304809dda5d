"""The last group that was optimised jointly: its members' jobs come one after the other, and one optimisation does."""

from collections.abc import Callable, Mapping
from typing import Any

from sepme_core.canonical import digest_of
from sepme_core.erasure import Made

Members = Mapping[str, Made]


class LastGroup:
    """What the last joint optimisation of this process made. For one thread at a time."""

    def __init__(self) -> None:
        self._key: str | None = None
        self._made: Members = {}

    def get(self, asked: Mapping[str, Any], make: Callable[[], Members]) -> Members:
        """What was made for `asked` (JSON; all that decides the result), or what `make` makes now."""
        key = digest_of(asked)
        if key != self._key:
            self._key, self._made = None, {}  # `make` may be interrupted
            self._made = make()
            self._key = key
        return self._made
