"""One setting of the eraser at a time, on the demo model: ``python -m benchmarks.sweep``.

Three objects and three styles in one mask, all 33 concepts known. Recorded for each value: room left, what is
forgotten (wordings that no erasure works with, the judge), how often a substitute is drawn, what everything else keeps,
how like the base's are the listed prompts of each of the six given back while five stay erased, the largest leaks, and
the steps. ``docs/sweep.csv`` holds what was found; finished rows of today's method are not done again (``--fresh``
forgets them, those of another method are dropped); ``--plot`` draws ``docs/tolerance.png`` from it.
"""

import argparse
import csv
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from benchmarks.promise.back import likeness
from benchmarks.promise.bench import Bench, Outcome
from benchmarks.promise.masks import drops, own_right
from benchmarks.promise.sets import blocks
from benchmarks.promise.version import method_digest
from sepme_core.demo import MODEL_FOLDER
from sepme_core.erasure import ErasureCache, ErasureSettings
from sepme_core.evaluation.accuracy import Seen, percent
from sepme_core.evaluation.classifier import open_classifier
from sepme_core.evaluation.judge import load_judge
from sepme_core.increments.increment import Increment
from sepme_core.models.model import load_base

NAN = float("nan")
TABLE = Path("docs/sweep.csv")
PLOT = Path("docs/tolerance.png")
CONCEPTS = ("apple", "sailboat", "umbrella", "blueprint", "negative", "risograph")
GRID: dict[str, tuple[float, ...]] = {
    "tolerance": (1e-3, 3e-3, 1e-2, 3e-2, 1e-1),
    "listed_weight": (10.0, 30.0, 100.0, 300.0, 1000.0),
    "regular_weight": (1.0, 3.0, 10.0),
    "anchor_weight": (0.0, 0.5, 2.0),
    "pictures": (4, 6, 8),
    "momentum": (0.5, 0.8, 0.9),
    "learning_rate": (1e-3, 3e-3, 1e-2),
    "threshold": (0.05, 0.15, 0.3),
    "directions": (8, 16, 32),
    "regulariser": (0.0, 1e-6, 1e-2),
    "batch_size": (4, 8, 16),
}


@dataclass(frozen=True)
class Row:
    """One value of one setting; percentages, points and similarities; ``method`` is the eraser's digest."""

    method: str
    setting: str
    value: float
    left: float
    forgotten: float = NAN
    forgotten_worst: float = NAN
    substitute: float = NAN
    drop: float = NAN
    drop_worst: float = NAN
    similarity: float = NAN
    similarity_worst: float = NAN
    leak: float = NAN
    leak_other: float = NAN
    steps: float = NAN
    seconds: float = NAN
    refused: str = ""


def main() -> None:
    """Run what is missing of the sweep, or draw the plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=GRID)
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--plot", action="store_true")
    options = parser.parse_args()
    if options.plot:
        plot(read_rows(None))
        return
    if options.fresh:
        TABLE.unlink(missing_ok=True)
    base, judge = load_base("demo"), load_judge(MODEL_FOLDER / "judge")
    cache, version = ErasureCache(base, open_classifier(None, MODEL_FOLDER)), method_digest(base, judge)
    bench = Bench(base, judge, cache, ErasureSettings(), version, quick=True)
    for setting, values in GRID.items():
        for value in values:
            rows = read_rows(version)
            if options.only in (None, setting) and (setting, float(value)) not in {(r.setting, r.value) for r in rows}:
                record([*rows, row_of_defaults(rows, setting, value) or measure(bench, setting, value)])


def row_of_defaults(rows: Sequence[Row], setting: str, value: float) -> Row | None:
    """The row of another setting at its default, where this value is the default too: all is as it was there."""
    defaults = ErasureSettings().to_options()
    known = [row for row in rows if row.value == defaults[row.setting]]
    return replace(known[0], setting=setting, value=float(value)) if known and value == defaults[setting] else None


def measure(bench: Bench, setting: str, value: float) -> Row:
    """Erase the six with one setting changed, draw and judge."""
    changed = replace(bench, settings=ErasureSettings.from_options({setting: value}))
    made = {name: changed.erase(name, CONCEPTS) for name in CONCEPTS}
    increments = {name: outcome.increment for name, outcome in made.items() if outcome.increment}
    if not increments:
        left = min(float(outcome.numbers.get("left", NAN)) for outcome in made.values())
        return Row(bench.version, setting, float(value), left, refused=refusals(made))
    return row_of(changed, setting, value, made, increments)


def row_of(
    bench: Bench, setting: str, value: float, made: Mapping[str, Outcome], increments: Mapping[str, Increment]
) -> Row:
    """What is measured of the six."""
    asked = blocks(bench.base.suggestions, (), bench.cell)
    masked = bench.look(asked, list(increments.values()))
    forgotten = own_right(bench.kinds, masked, CONCEPTS).values()
    lost = drops(bench.look(asked, []), masked, CONCEPTS).values()
    masks = {name: [each for other, each in increments.items() if other != name] for name in CONCEPTS}
    alike = [ssim for name, mask in masks.items() for ssim in likeness(bench, name, mask, CONCEPTS)[0]]
    certificates = [increment.certificate for increment in increments.values()]
    leak, leak_other = (max(each["leak"][which]["max"] for each in certificates) for which in ("listed", "other"))
    return Row(
        bench.version, setting, float(value), min(each["directions"]["left"] for each in certificates),
        mean(forgotten), max(forgotten), substitutes_drawn(masked, increments), mean(lost), max(lost),
        mean(alike), min(alike), leak, leak_other,
        mean([each["steps"] for each in certificates]), mean([each.seconds for each in made.values()]),
        refusals(made),
    )  # fmt: skip


def refusals(made: Mapping[str, Outcome]) -> str:
    """What was refused, with the codes, as JSON; empty where nothing was."""
    refused = {name: outcome.refused for name, outcome in made.items() if outcome.refused}
    return json.dumps(refused) if refused else ""


def substitutes_drawn(seen: Sequence[Seen], increments: Mapping[str, Increment]) -> float:
    """How often what is to be drawn instead of an erased object is, in percent."""
    phrases = {name: each.certificate["substitute"]["phrase"] for name, each in increments.items()}
    named = [each for each in seen if phrases.get(each.asked.object)]
    return percent(each.verdict.object == phrases[each.asked.object] for each in named)


def mean(values: Collection[float]) -> float:
    """The mean."""
    return sum(values) / len(values)


def read_rows(version: str | None) -> list[Row]:
    """What was found so far with this version of the method, or with whichever."""
    names = [field.name for field in fields(Row)]
    kinds = {field.name: field.type for field in fields(Row)}
    if not TABLE.exists():
        return []
    with TABLE.open(newline="") as file:
        reader = csv.DictReader(file)
        found = list(reader) if reader.fieldnames == names else []
    rows = [
        Row(**{name: text if kinds[name] is str else float(text) for name, text in row.items()})  # type: ignore[arg-type]
        for row in found
    ]
    return [row for row in rows if row.setting in GRID and version in (None, row.method)]


def record(rows: Sequence[Row]) -> None:
    """Write the table, its last row new."""
    with TABLE.open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Row)], lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({name: f"{x:.4g}" if isinstance(x, float) else x for name, x in asdict(row).items()})
    print(rows[-1], flush=True)


def plot(rows: list[Row]) -> None:
    """Leak, room, forgetting and collateral against the tolerance."""
    from matplotlib import pyplot as plt

    swept = sorted((row for row in rows if row.setting == "tolerance" and not row.refused), key=lambda row: row.value)
    values = [row.value for row in swept]
    panels = {
        "forgotten concepts still seen (%)": ("forgotten", "forgotten_worst"),
        "points lost by everything else": ("drop", "drop_worst"),
        "SSIM of what is given back": ("similarity", "similarity_worst"),
        "largest leak, listed and other": ("leak", "leak_other"),
        "directions left": ("left",),
    }
    figure, axes = plt.subplots(1, len(panels), figsize=(15, 3.2), layout="constrained")
    for axis, (title, names) in zip(axes, panels.items(), strict=True):
        for name, style in zip(names, ("o-", "s--"), strict=False):
            label = name if "leak" in name else "worst" if "worst" in name else "mean"
            axis.plot(values, [getattr(row, name) for row in swept], style, label=label)
        axis.axvline(ErasureSettings().tolerance, color="grey", linewidth=0.8)
        axis.set(xscale="log", xlabel="tolerance", title=title)
        axis.title.set_fontsize(9)
        if len(names) > 1:
            axis.legend(fontsize=8)
    figure.savefig(PLOT, dpi=110)


if __name__ == "__main__":
    main()
