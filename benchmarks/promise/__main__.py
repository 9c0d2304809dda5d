"""Run the cases that are not done, and print the table."""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import benchmarks.promise
from benchmarks.promise.bench import Bench
from benchmarks.promise.cases import Case, cases
from benchmarks.promise.store import FOLDER, claimed, write_json
from benchmarks.promise.table import lines, side_by_side
from benchmarks.promise.version import method_digest
from sepme_core.canonical import digest_of
from sepme_core.demo import MODEL_FOLDER
from sepme_core.erasure import ErasureCache, ErasureSettings
from sepme_core.evaluation.classifier import open_classifier
from sepme_core.evaluation.judge import load_judge
from sepme_core.models.model import load_base

MEASURED = Path("docs/measured")


def main() -> None:
    """Run the cases that are not done, and print the table."""
    options = read_options()
    settings = ErasureSettings.from_options(json.loads(options.settings))
    base, judge = load_base("demo"), load_judge(MODEL_FOLDER / "judge")
    cache = ErasureCache(base, open_classifier(None, MODEL_FOLDER))
    bench = Bench(base, judge, cache, settings, method_digest(base, judge), options.quick)
    folder, results = folder_for(settings, options.quick), {}
    for name, case in cases(options.start).items():
        if options.only and not name.startswith(tuple(options.only)):
            continue
        result = result_of(bench, folder / f"{name}.json", case, options)
        if result is not None:
            results[name] = result
            print(*lines(name, result), sep="\n", flush=True)
    for line in side_by_side(results):
        print(line)


def read_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=benchmarks.promise.__doc__)
    parser.add_argument("--quick", action="store_true", help="few pictures a cell, for a first look")
    parser.add_argument("--fresh", action="store_true", help="forget finished cases")
    parser.add_argument("--any-version", action="store_true", help="show finished cases of an earlier method too")
    parser.add_argument("--print", action="store_true", help="measure nothing")
    parser.add_argument("--only", action="extend", type=prefixes, default=[], help="cases whose names begin so")
    parser.add_argument("--start", choices=["closed-form", "zero", "both"], default="both", help="of the mask cases")
    parser.add_argument("--settings", default="{}", help="options of the eraser, as JSON")
    return parser.parse_args()


def prefixes(said: str) -> Sequence[str]:
    """Several of them, by commas."""
    return [each for each in said.split(",") if each]


def folder_for(settings: ErasureSettings, quick: bool) -> Path:
    """Where finished cases lie: what the defaults were measured at is kept, the rest is for whoever looks."""
    if settings == ErasureSettings() and not quick:
        return MEASURED
    return FOLDER / f"{'quick' if quick else 'full'}-{digest_of(settings.to_options())[7:19]}"


def result_of(bench: Bench, path: Path, case: Case, options: argparse.Namespace) -> dict[str, Any] | None:
    """A case as it was measured, or measured now; None where nobody did, or another process is at it."""
    settings = case.settings(bench.settings).to_options()

    def found() -> dict[str, Any] | None:
        result: dict[str, Any] | None = json.loads(path.read_text()) if path.exists() else None
        same = result is not None and result.get("settings") == settings
        current = same and result is not None and result.get("method") == bench.version
        return result if current or (same and options.any_version) else None

    if options.print or (not options.fresh and found() is not None):
        return found()
    with claimed(path.stem) as mine:
        if not mine:
            print(f"{path.stem}: another process is at it", flush=True)
            return None
        if not options.fresh and (done := found()) is not None:
            return done
        began = time.perf_counter()
        result = {**case.run(bench), "settings": settings, "method": bench.version}
        print(f"({time.perf_counter() - began:.0f} s)", flush=True)
        write_json(path, result)
    return result


if __name__ == "__main__":
    main()
