"""The ratios that have a bar: each of two runs of the same round, the median over rounds counts."""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.throughput.course import BUSY, MASKING
from benchmarks.throughput.loop import quantile

Document = Mapping[str, Any]
ByRound = Mapping[int, float]


@dataclass(frozen=True)
class Ratio:
    """What was divided by what, once a round, and the bar."""

    what: str
    values: Sequence[float]
    bar: float
    least: bool

    @property
    def median(self) -> float | None:
        """None where it was not measured."""
        return statistics.median(self.values) if self.values else None

    @property
    def verdict(self) -> str:
        """Whether the bar is met, in words."""
        if self.median is None:
            return "not measured"
        met = self.median >= self.bar if self.least else self.median <= self.bar
        return "pass" if met else "FAIL"

    @property
    def said_bar(self) -> str:
        """With its direction."""
        return f"{'≥' if self.least else '≤'} {self.bar:g}"


def ratios(document: Document) -> list[Ratio]:
    """All of them."""
    rate, late = of_cells(document, "per_second"), of_cells(document, "p95")
    single = of_lone(document)
    switching = fastest(document)
    return [
        _ratio(
            "batched / one by one, pictures a second, 8 clients, mixed masks",
            rate,
            ("batched", "mixed"),
            2.5,
            ("one by one", "mixed"),
        ),
        _ratio(
            "mixed masks / same mask, pictures a second, batched, 8 clients",
            rate,
            ("batched", "mixed"),
            0.97,
            ("batched", "same"),
        ),
        _ratio(
            "100 concepts masked / none, seconds of a lone picture, batched",
            single,
            ("batched", "hundred"),
            1.01,
            ("batched", "none"),
            least=False,
        ),
        _ratio(
            "100 concepts masked / none, seconds a picture, batched, 8 clients",
            lambda *of: {number: 1 / value for number, value in rate(*of).items()},
            ("batched", "hundred"),
            1.01,
            ("batched", "none"),
            least=False,
        ),
        _ratio(
            "batched / before, seconds of a lone picture, nothing masked",
            single,
            ("batched", "none"),
            1.02,
            ("before", "none"),
            least=False,
        ),
        _ratio(
            "batched / before, p95 latency, 8 clients, mixed masks",
            late,
            ("batched", "mixed"),
            0.5,
            ("before", "mixed"),
            least=False,
        ),
        _ratio(
            f"batched / {switching} (the faster), pictures a second, 8 clients, mixed masks",
            rate,
            ("batched", "mixed"),
            3.0,
            (switching, "mixed"),
        ),
    ]


def _ratio(
    what: str,
    figure: Callable[[str, str], ByRound],
    over: tuple[str, str],
    bar: float,
    under: tuple[str, str],
    least: bool = True,
) -> Ratio:
    above, below = figure(*over), figure(*under)
    return Ratio(what, [above[number] / below[number] for number in above if number in below], bar, least)


def of_cells(document: Document, figure: str) -> Callable[[str, str], ByRound]:
    """A figure of each round's cell of a system and a scenario, at the clients of the bars."""

    def find(system: str, scenario: str) -> ByRound:
        return {cell["round"]: cell[figure] for cell in cells_of(document, system, scenario) if cell["clients"] == BUSY}

    return find


def of_lone(document: Document) -> Callable[[str, str], ByRound]:
    """The median of the single requests of each round to a system in a scenario."""

    def find(system: str, scenario: str) -> ByRound:
        found = [each for each in document["lone"] if (each["system"], each["scenario"]) == (system, scenario)]
        return {each["round"]: quantile(each["seconds"], 50) for each in found}

    return find


def cells_of(document: Document, system: str, scenario: str) -> Iterator[Mapping[str, Any]]:
    """The cells of a system and a scenario."""
    for cell in document["cells"]:
        if (cell["system"], cell["scenario"]) == (system, scenario):
            yield cell


def median_of(document: Document, system: str, scenario: str, clients: int, figure: str) -> float | None:
    """The median over rounds of a figure of cells."""
    found = [cell[figure] for cell in cells_of(document, system, scenario) if cell["clients"] == clients]
    return statistics.median(found) if found else None


def fastest(document: Document) -> str:
    """Which way to switch adapters gives more pictures a second: the bar is held against it."""
    return max(MASKING, key=lambda name: median_of(document, name, "mixed", BUSY, "per_second") or 0.0)
