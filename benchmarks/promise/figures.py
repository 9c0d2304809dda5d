"""A measured figure with the bars it is held to: the mean, and the worst cell by name."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

ALL = "all"  # the only cell of a figure that has no others
DECIMALS = {"SSIM": 4, "times": 2}


@dataclass(frozen=True)
class Bars:
    """Limits of a mean and of the worst cell; None: as it is. ``least``: what is measured shall be as large."""

    mean: float | None = None
    worst: float | None = None
    least: bool = False


AS_IT_IS = Bars()


@dataclass(frozen=True)
class Figure:
    """One figure of a case; ``cells`` are what its mean is of, or the worst of each."""

    what: str
    unit: str
    mean: float
    cells: dict[str, float]
    bars: Bars

    @classmethod
    def of(cls, what: str, unit: str, cells: Mapping[str, float], bars: Bars = AS_IT_IS) -> "Figure":
        """The mean over cells, and the worst cell."""
        return cls(what, unit, sum(cells.values()) / max(len(cells), 1), dict(cells), bars)

    @classmethod
    def of_samples(cls, what: str, unit: str, samples: Mapping[str, Sequence[float]], bars: Bars) -> "Figure":
        """The mean over all samples, and the worst sample of each cell."""
        every = [value for values in samples.values() for value in values]
        cells = {name: (min if bars.least else max)(values) for name, values in samples.items()}
        return cls(what, unit, sum(every) / max(len(every), 1), cells, bars)

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "Figure":
        """As it was kept."""
        return cls(**{**document, "bars": Bars(**document["bars"])})

    def document(self) -> dict[str, Any]:
        """To be kept."""
        return {**asdict(self), "mean": round(self.mean, 6)}

    @property
    def worst_of(self) -> str | None:
        """The name of the worst cell."""
        return (min if self.bars.least else max)(self.cells, key=self.cells.__getitem__, default=None)

    @property
    def missed(self) -> bool:
        """Whether either bar is."""
        worst = self.worst_of
        return self._beyond(self.mean, self.bars.mean) or (
            worst is not None and self._beyond(self.cells[worst], self.bars.worst)
        )

    def _beyond(self, value: float, bar: float | None) -> bool:
        if bar is None or not self.cells:
            return False
        return value < bar - 1e-9 if self.bars.least else value > bar + 1e-9

    def said(self) -> str:
        """The mean and the worst with their bars; ``!`` marks what is missed."""
        if not self.cells:
            return "nothing to measure"
        worst = self.worst_of
        assert worst is not None
        parts = [f"mean {self._number(self.mean)}{self._bar(self.bars.mean)}"]
        if worst != ALL:
            parts.append(f"worst {self._number(self.cells[worst])} ({worst}){self._bar(self.bars.worst)}")
        return ", ".join(parts) + (" !" if self.missed else "")

    def _number(self, value: float) -> str:
        return f"{value:.{DECIMALS.get(self.unit, 1)}f} {self.unit}".rstrip()

    def _bar(self, bar: float | None) -> str:
        return "" if bar is None else f" [{'≥' if self.bars.least else '≤'} {bar:.4g}]"
