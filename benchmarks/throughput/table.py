"""What was measured as tables: printed, and in the page of the figures."""

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.throughput.asked import SCENARIOS
from benchmarks.throughput.ratios import Ratio, cells_of, median_of, ratios

Document = Mapping[str, Any]
Rows = list[tuple[str, ...]]
BEGIN, END = "<!-- figures: written by `python -m benchmarks.throughput` -->", "<!-- end of the figures -->"
SYSTEMS = {
    "stock": "diffusers, no mask",
    "lora loaded": "diffusers, LoRA loaded for each request",
    "lora set": "diffusers, LoRA loaded once, set for each request",
    "before": "sepme, the earlier checkout",
    "one by one": "sepme, one by one",
    "batched": "sepme, batched",
}


def bars(document: Document) -> Rows:
    """The ratios beside their bars."""
    return [("ratio", "median", "rounds", "bar", "verdict"), *map(_bar, ratios(document))]


def _bar(ratio: Ratio) -> tuple[str, ...]:
    if ratio.median is None:
        return ratio.what, "", "", ratio.said_bar, ratio.verdict
    spread = f"{min(ratio.values):.3f} to {max(ratio.values):.3f}"
    return ratio.what, f"{ratio.median:.3f}", spread, ratio.said_bar, ratio.verdict


def cells(document: Document) -> Iterator[tuple[str, Rows]]:
    """A table for each scenario: pictures a second, and p50 / p95 latency in seconds, by clients."""
    clients = list(document["plan"]["clients"])
    for scenario, said in SCENARIOS.items():
        heads = ("", *(f"{number} client{'s' if number > 1 else ''}" for number in clients), "memory, MiB")
        rows = [
            (
                label,
                *(_cell(document, system, scenario, number) for number in clients),
                _memory(document, system, scenario),
            )
            for system, label in SYSTEMS.items()
            if any(True for _ in cells_of(document, system, scenario))
        ]
        yield said, [heads, *rows]


def _cell(document: Document, system: str, scenario: str, clients: int) -> str:
    rate, half, late = (
        median_of(document, system, scenario, clients, figure) for figure in ("per_second", "p50", "p95")
    )
    return "" if rate is None else f"{rate:.2f} ({half:.2f} / {late:.2f})"


def _memory(document: Document, system: str, scenario: str) -> str:
    return f"{max(cell['memory'] for cell in cells_of(document, system, scenario)):.0f}"


def newcomers(document: Document) -> Rows:
    """Seconds until the first picture of a client that comes while eight others are at it."""
    rows: Rows = [("", "median", "most")]
    for system, label in SYSTEMS.items():
        seconds = [value for each in document["newcomers"] if each["system"] == system for value in each["seconds"]]
        if seconds:
            rows.append((label, f"{statistics.median(seconds):.2f}", f"{max(seconds):.2f}"))
    return rows


def conditions(document: Document) -> str:
    """On what, of what, and how often."""
    machine, plan = document["machine"], document["plan"]
    libraries = ", ".join(f"{name} {number}" for name, number in machine["libraries"].items())
    rounds = f"{plan['rounds']} round{'s' if plan['rounds'] > 1 else ''} of {plan['steps']} steps"
    before = f"; the earlier checkout is {document['before']}" if document["before"] else ""
    return (
        f"{'A quick run, good for nothing but a first look: ' if plan['quick'] else ''}"
        f"{machine['cores']} cores ({machine['processor']}), {machine['threads']} threads draw, "
        f"load {machine['load']} at the start, {machine['date']}, "
        f"{rounds}, of {document['commit']}{before}. "
        f"Python {machine['python']}, {libraries}."
    )


def said(document: Document) -> Iterator[tuple[str, Rows]]:
    """All tables with their headings."""
    yield "Bars", bars(document)
    for scenario, rows in cells(document):
        yield f"Pictures a second (p50 / p95 latency in seconds), {scenario}", rows
    yield "Seconds to the first picture of a client that comes while eight are at it", newcomers(document)


def printed(document: Document) -> Iterator[str]:
    """The lines for a terminal."""
    yield conditions(document)
    for heading, rows in said(document):
        yield f"\n{heading}"
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            yield "  " + "  ".join(f"{value:{width}}" for value, width in zip(row, widths, strict=True)).rstrip()


def write_page(page: Path, document: Document) -> None:
    """Put the tables between the marks of the page of the figures, where there is one."""
    if not page.exists():
        return
    head, _begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _old, _end, tail = rest.partition(END)
    lines = [conditions(document)]
    for heading, rows in said(document):
        lines += ["", f"### {heading}", "", *_markdown(rows)]
    page.write_text("\n".join([head + BEGIN, "", *lines, "", END + tail]), encoding="utf-8")


def _markdown(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    for place, row in enumerate(rows):
        yield f"| {' | '.join(row)} |"
        if place == 0:
            yield "|" + "---|" * len(row)
