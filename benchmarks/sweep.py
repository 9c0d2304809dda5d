"""One setting of the eraser at a time, on the demo model: ``python -m benchmarks.sweep``.

Three objects and three styles in one mask, all 33 concepts known. Recorded for each value: room left, what is
forgotten (held-out wordings, the judge), what everything else keeps, how like the base's are the listed prompts of
each of the six given back while five stay erased, the largest leak, and the steps. ``docs/sweep.csv`` holds what was
found, finished rows are not done again (``--fresh`` forgets them); ``--plot`` draws ``docs/tolerance.png`` from it.
"""

import argparse
import csv
import json
import time
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from benchmarks.promise.bench import Bench
from benchmarks.promise.measures import compare, likeness
from sepme_core.base import load_base
from sepme_core.demo import MODEL_FOLDER
from sepme_core.erasure import ErasureRefused, ErasureSettings, Shared
from sepme_core.evaluation.accuracy import every_pair
from sepme_core.evaluation.judge import load_judge

NAN = float("nan")
TABLE = Path("docs/sweep.csv")
PLOT = Path("docs/tolerance.png")
CONCEPTS = ("apple", "sailboat", "umbrella", "blueprint", "negative", "risograph")
GRID: dict[str, tuple[float, ...]] = {
    "tolerance": (1e-3, 3e-3, 1e-2, 3e-2, 1e-1),
    "listed_weight": (30.0, 300.0, 1000.0),
    "momentum": (0.5, 0.8, 0.9),
    "learning_rate": (5e-4, 1e-3, 2e-3),
    "threshold": (0.0, 0.1, 0.3),
    "overshoot": (0.0, 0.25, 0.4, 0.5),
    "directions": (8, 16, 32),
    "regular_weight": (1.0, 3.0, 10.0),
    "regulariser": (0.0, 1e-6, 1e-2),
    "batch_size": (4, 8, 16),
}
HELD: dict[str, float] = {"overshoot": 0.25}
"""What is held at another value than its default while others are varied: what the table was found at."""


@dataclass(frozen=True)
class Row:
    """One value of one setting; percentages, points and similarities."""

    setting: str
    value: float
    left: int
    forgotten: float
    forgotten_worst: float
    drop: float
    drop_worst: float
    similarity: float
    similarity_worst: float
    leak: float
    steps: float
    seconds: float
    refused: str = ""


def main() -> None:
    """Run what is missing of the sweep, or draw the plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=GRID)
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--plot", action="store_true")
    options = parser.parse_args()
    if options.fresh:
        TABLE.unlink(missing_ok=True)
    if options.plot:
        plot(read_rows())
        return
    base = load_base("demo")
    kinds = dict.fromkeys(base.suggestions.objects, "object") | dict.fromkeys(base.suggestions.styles, "style")
    bench = Bench(base, load_judge(MODEL_FOLDER / "judge"), Shared(base), kinds, ErasureSettings(), quick=True)
    for setting, values in GRID.items():
        for value in values:
            done = {(row.setting, row.value) for row in read_rows()}
            if (options.only in (None, setting)) and (setting, float(value)) not in done:
                append(row_of_defaults(setting, value) or measure(bench, setting, value))


def row_of_defaults(setting: str, value: float) -> Row | None:
    """The row of another setting at its default, where this value is the default too: all is as it was there."""
    defaults = ErasureSettings.from_options(HELD).to_options()
    known = [row for row in read_rows() if row.value == defaults[row.setting]]
    return replace(known[0], setting=setting, value=float(value)) if known and value == defaults[setting] else None


def measure(bench: Bench, setting: str, value: float) -> Row:
    """Erase the six with one setting changed, draw and judge."""
    settings = ErasureSettings.from_options({**HELD, setting: value})
    changed = Bench(bench.base, bench.judge, bench.shared, bench.kinds, settings, bench.quick)
    began = time.perf_counter()
    try:
        increments = {name: changed.erase(name, list(bench.kinds)) for name in CONCEPTS}
    except ErasureRefused as refusal:
        said = json.dumps({"code": refusal.code, **refusal.numbers})
        left = int(refusal.numbers.get("left", 0))
        return Row(setting, value, left, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, said)
    seconds = (time.perf_counter() - began) / len(CONCEPTS)
    asked = every_pair(bench.base.suggestions.objects, bench.base.suggestions.styles, 1)
    found = compare(bench, CONCEPTS, bench.look(asked, []), bench.look(asked, list(increments.values())))
    masks = {name: [increments[other] for other in CONCEPTS if other != name] for name in CONCEPTS}
    back = likeness(bench, masks)
    forgotten, drops = found["forgotten"].values(), found["drops"].values()
    certificates = [increment.certificate for increment in increments.values()]
    return Row(
        setting, float(value), min(each["directions"]["left"] for each in certificates),
        sum(forgotten) / len(forgotten), max(forgotten), sum(drops) / len(drops), max(drops),
        back["mean"], back["worst"], max(each["leak"]["max"] for each in certificates),
        sum(each["steps"] for each in certificates) / len(certificates), seconds,
    )  # fmt: skip


def read_rows() -> list[Row]:
    """What was found so far."""
    if not TABLE.exists():
        return []
    kinds = {field.name: field.type for field in fields(Row)}
    with TABLE.open(newline="") as file:
        return [
            Row(**{name: text if kinds[name] is str else float(text) for name, text in row.items()})  # type: ignore[arg-type]
            for row in csv.DictReader(file)
        ]


def append(row: Row) -> None:
    """Record one row."""
    new = not TABLE.exists()
    with TABLE.open("a", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Row)], lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow({name: f"{x:.4g}" if isinstance(x, float) else x for name, x in asdict(row).items()})
    print(row, flush=True)


def plot(rows: list[Row]) -> None:
    """Leak, room, forgetting and collateral against the tolerance."""
    from matplotlib import pyplot as plt

    swept = sorted((row for row in rows if row.setting == "tolerance" and not row.refused), key=lambda row: row.value)
    values = [row.value for row in swept]
    panels = {
        "forgotten concepts still seen (%)": ("forgotten", "forgotten_worst"),
        "points lost by everything else": ("drop", "drop_worst"),
        "SSIM of what is given back": ("similarity", "similarity_worst"),
        "largest leak": ("leak",),
        "directions left of 240": ("left",),
    }
    figure, axes = plt.subplots(1, len(panels), figsize=(15, 3.2), layout="constrained")
    for axis, (title, names) in zip(axes, panels.items(), strict=True):
        for name, style in zip(names, ("o-", "s--"), strict=False):
            axis.plot(
                values, [getattr(row, name) for row in swept], style, label="worst" if "worst" in name else "mean"
            )
        axis.axvline(ErasureSettings().tolerance, color="grey", linewidth=0.8)
        axis.set(xscale="log", xlabel="tolerance", title=title)
        axis.title.set_fontsize(9)
        if len(names) > 1:
            axis.legend(fontsize=8)
    figure.savefig(PLOT, dpi=110)


if __name__ == "__main__":
    main()
