"""Pictures a second and p95 latency by clients, one line a system."""

import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.throughput.ratios import cells_of
from benchmarks.throughput.table import SYSTEMS

USUAL = "mixed"
STYLES = {
    "stock": ("#7f7f7f", "s", ":"),
    "lora loaded": ("#e6a03c", "v", "--"),
    "lora set": ("#c8553d", "^", "--"),
    "before": ("#8fb8de", "D", "-."),
    "one by one": ("#3d7ea6", "o", "-"),
    "batched": ("#1b4965", "o", "-"),
}
"""Colour, marker and line of each system; none is told by its colour alone."""


def draw(document: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write both plots."""
    return [
        _plot(document, folder / "throughput.png", "per_second", "pictures a second", "Pictures a second"),
        _plot(document, folder / "throughput-latency.png", "p95", "seconds, 95th percentile", "Latency of a picture"),
    ]


def _plot(document: Mapping[str, Any], file: Path, figure: str, unit: str, title: str) -> Path:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    clients = list(document["plan"]["clients"])
    sheet, axes = plt.subplots(figsize=(8, 5.4), layout="constrained")
    for system, label in SYSTEMS.items():
        scenario = "none" if system == "stock" else USUAL
        found = list(cells_of(document, system, scenario))
        if not found:
            continue
        colour, marker, line = STYLES[system]
        of = {number: [cell[figure] for cell in found if cell["clients"] == number] for number in clients}
        at = [number for number in clients if of[number]]
        medians = [statistics.median(of[number]) for number in at]
        least, most = [min(of[number]) for number in at], [max(of[number]) for number in at]
        axes.plot(at, medians, color=colour, marker=marker, linestyle=line, label=label, linewidth=2)
        axes.fill_between(at, least, most, color=colour, alpha=0.15, linewidth=0)
    plan, machine = document["plan"], document["machine"]
    rounds = f"median and range of {plan['rounds']} rounds" if plan["rounds"] > 1 else "one round"
    axes.set(xlabel="clients, each asking again as soon as it is answered", ylabel=unit, xticks=clients)
    axes.set_xlim(0, max(clients) + 0.5)
    axes.set_ylim(bottom=0)
    axes.grid(axis="y", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(
        f"{title}, every request under another mask and prompt\n"
        f"demo model, 64 px, {plan['steps']} steps, {machine['cores']} cores; {rounds}"
        f"{', a quick run' if plan['quick'] else ''}",
        fontsize=10,
        loc="left",
    )
    sheet.legend(frameon=False, fontsize=9, loc="outside lower center", ncols=2)  # over no line, however they run
    sheet.savefig(file, dpi=110)
    plt.close(sheet)
    return file
