"""Run the cases that are not done, and print the table."""

import argparse
import json
from pathlib import Path
from typing import Any

import benchmarks.promise
from benchmarks.promise.bench import FOLDER, Bench
from benchmarks.promise.cases import cases
from benchmarks.promise.table import line
from sepme_core.base import load_base
from sepme_core.canonical import digest_of
from sepme_core.demo import MODEL_FOLDER
from sepme_core.erasure import ErasureSettings, Shared
from sepme_core.evaluation.judge import load_judge

MEASURED = Path("docs/measured")


def main() -> None:
    """Run the cases that are not done, and print the table."""
    parser = argparse.ArgumentParser(description=benchmarks.promise.__doc__)
    parser.add_argument("--quick", action="store_true", help="few pictures a cell, for a first look")
    parser.add_argument("--fresh", action="store_true", help="forget finished cases")
    parser.add_argument("--only", help="cases whose name begins so")
    parser.add_argument("--settings", default="{}", help="options of the eraser, as JSON")
    options = parser.parse_args()
    settings = ErasureSettings.from_options(json.loads(options.settings))
    folder = folder_for(settings, options.quick)
    for each in (FOLDER, folder):
        each.mkdir(parents=True, exist_ok=True)
    base = load_base("demo")
    objects, styles = base.suggestions.objects, base.suggestions.styles
    kinds = dict.fromkeys(objects, "object") | dict.fromkeys(styles, "style")
    bench = Bench(base, load_judge(MODEL_FOLDER / "judge"), Shared(base), kinds, settings, options.quick)
    for name, case in cases(objects, styles).items():
        if options.only and not name.startswith(options.only):
            continue
        result = None if options.fresh else finished(folder / f"{name}.json", settings)
        if result is None:
            result = case(bench)
            kept = {**result, "settings": settings.to_options()}
            (folder / f"{name}.json").write_text(json.dumps(kept, indent=1) + "\n")
        print(f"{name:24} {line(result)}", flush=True)


def folder_for(settings: ErasureSettings, quick: bool) -> Path:
    """Where finished cases lie: what the defaults were measured at is kept, the rest is for whoever looks."""
    if settings == ErasureSettings() and not quick:
        return MEASURED
    return FOLDER / f"{'quick' if quick else 'full'}-{digest_of(settings.to_options())[7:19]}"


def finished(path: Path, settings: ErasureSettings) -> dict[str, Any] | None:
    """The case as it was measured with these settings, if it was."""
    if not path.exists():
        return None
    result: dict[str, Any] = json.loads(path.read_text())
    return result if result["settings"] == settings.to_options() else None


if __name__ == "__main__":
    main()
