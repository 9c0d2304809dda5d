"""Pictures a second, latency and memory, side by side in one run: `python -m benchmarks.throughput [--quick]`.

On the demo model, on the CPU: stock diffusers, diffusers that switches LoRA adapters for each request, this service
drawing one by one, and this service drawing in batches; with `--before` also the service of another checkout. The
figures go to throughput.json, the tables into throughput.md and two plots beside it. `--plot` draws them again.
"""

import argparse
import json
import signal
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.throughput.asked import STEPS
from benchmarks.throughput.course import QUICK, Plan, measure
from benchmarks.throughput.plots import draw
from benchmarks.throughput.services import HERE
from benchmarks.throughput.table import printed, write_page


def main() -> None:
    """Measure, or read what was measured; print and draw it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one small round: minutes, and rough")
    parser.add_argument("--rounds", type=int, help="how often everything is measured (3)")
    parser.add_argument(
        "--steps", type=int, default=STEPS, help="denoising steps; few to try the benchmark itself (25)"
    )
    parser.add_argument("--before", type=Path, help="a checkout of earlier code, whose service is measured too")
    parser.add_argument("--folder", type=Path, default=HERE / "docs", help="where the figures are written (docs)")
    parser.add_argument("--plot", action="store_true", help="measure nothing: tables and plots of what was measured")
    options = parser.parse_args()
    file = options.folder / "throughput.json"

    def keep(document: dict[str, Any]) -> None:
        file.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")

    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Ended."))  # everything that was started ends too
    if options.plot:
        document = json.loads(file.read_text(encoding="utf-8"))
    else:
        options.folder.mkdir(parents=True, exist_ok=True)
        plan = QUICK if options.quick else Plan()
        plan = replace(plan, rounds=options.rounds or plan.rounds, steps=options.steps)
        before = options.before.resolve() if options.before else None
        with tempfile.TemporaryDirectory() as folder:
            document = measure(plan, Path(folder), before, keep)
        document = json.loads(json.dumps(document))
    print("\n".join(printed(document)))
    draw(document, options.folder)
    write_page(options.folder / "throughput.md", document)


if __name__ == "__main__":
    main()
