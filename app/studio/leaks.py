"""Who touches whom: the leaks that certificates tell by concept, as a map."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.studio.certificates import share

LEVELS = (0.001, 0.01, 0.03, 0.1, 0.3)
"""Where a colour ends and the next begins: shares of a representation, by about three each."""
MOST_WITH_NUMBERS = 12
"""So many columns have room for their numbers; of more each cell tells its own when it is pointed at."""


@dataclass(frozen=True)
class Leak:
    """By how much one concept's increment moves another: its level among the colours, and in words."""

    level: int
    words: str


@dataclass(frozen=True)
class Cell:
    """What one concept's increment does to another. None: the other was not known to it."""

    name: str
    listed: Leak | None
    other: Leak | None
    own: bool = False


@dataclass(frozen=True)
class LeakMap:
    """Rows by who acts, cells by who is touched, in the order of the columns."""

    columns: list[str]
    rows: list[tuple[str, list[Cell]]]

    @property
    def with_numbers(self) -> bool:
        """Whether the cells have room for their numbers."""
        return len(self.columns) <= MOST_WITH_NUMBERS


def leak_map(concepts: Sequence[Mapping[str, Any]]) -> LeakMap:
    """The map of the concepts that have a certificate with leaks by concept."""
    leaks = {each["name"]: found for each in concepts if (found := _by_concept(each)) is not None}
    touched = {name for listed, other in leaks.values() for name in (*listed, *other)}
    columns = sorted(touched | set(leaks))
    rows = [(name, [_cell(name, column, *leaks[name]) for column in columns]) for name in sorted(leaks)]
    return LeakMap(columns, rows)


def touched(certificate: Mapping[str, Any]) -> list[Cell]:
    """What one concept's increment does to each other, most first."""
    listed, other = _sides(certificate)
    names = sorted({*listed, *other}, key=lambda name: (-listed.get(name, 0.0), name))
    return [_cell("", name, listed, other) for name in names]


def _by_concept(concept: Mapping[str, Any]) -> tuple[dict[str, float], dict[str, float]] | None:
    certificate = concept["certificate"]
    return _sides(certificate) if certificate and "by_concept" in certificate.get("leak", {}) else None


def _sides(certificate: Mapping[str, Any]) -> tuple[dict[str, float], dict[str, float]]:
    leak = certificate.get("leak") or {}
    listed: dict[str, float] = (leak.get("listed") or leak).get("by_concept") or {}
    other: dict[str, float] = (leak.get("other") or {}).get("by_concept") or {}
    return listed, other


def _cell(acting: str, name: str, listed: Mapping[str, float], other: Mapping[str, float]) -> Cell:
    return Cell(name, _leak(listed.get(name)), _leak(other.get(name)), own=acting == name)


def _leak(value: float | None) -> Leak | None:
    if value is None:
        return None
    return Leak(sum(value >= limit for limit in LEVELS), share(value))
