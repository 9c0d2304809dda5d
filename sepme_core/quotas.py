"""How much a key may ask for. Stored with the key as JSON, counted by the front end."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self


@dataclass(frozen=True)
class Quotas:
    """Bounds on what is asked for with a key; None: none.

    Attributes:
        waiting_jobs: jobs of it that may wait at once.
        pictures_a_minute: pictures that are accepted in any 60 seconds.
        erasures_a_day: erasures that are accepted in any 24 hours.
    """

    waiting_jobs: int | None = None
    pictures_a_minute: int | None = None
    erasures_a_day: int | None = None

    def __post_init__(self) -> None:
        for name, bound in self.document().items():
            if bound is not None and (type(bound) is not int or bound < 1):
                raise ValueError(f"{name} must be a whole number from 1, or null for no bound: it is {bound!r}")

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """Read what `document` writes: an object with any of the three names, each a number from 1, or null.

        Raises:
            ValueError: where it is something else, in words.
        """
        known = [field.name for field in fields(cls)]
        unknown = sorted(set(document) - set(known))
        if unknown:
            raise ValueError(f"there is no quota {unknown[0]!r}; those there are: {', '.join(known)}")
        return cls(**document)

    def document(self) -> dict[str, int | None]:
        """Write them as JSON has them, all three."""
        return asdict(self)
