"""What the front end adds to the work: `python -m benchmarks.load [--against ../earlier-checkout]`.

For 1, 100 and 1,000 known concepts a service is started on a state folder of its own. Answers are timed while it is
idle, and while its workers have more to do than they can. With `--against` the same is done with the code of another
checkout, before, in the same run: machines differ, ratios less.
"""

import argparse
from pathlib import Path

from benchmarks.load.asking import ask, quantiles
from benchmarks.load.pictures import share
from benchmarks.load.service import HERE, Running, running
from benchmarks.load.streams import streams

Figures = dict[str, float]
WARMING_SECONDS = 3.0


def main() -> None:
    """Print the figures, and with another checkout's their ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--concepts", type=int, nargs="+", default=[1, 100, 1000], help="how many are known")
    parser.add_argument("--seconds", type=float, default=15.0, help="of asking, idle and busy each")
    parser.add_argument("--pictures", type=int, default=20, help="of each number of steps")
    parser.add_argument("--against", type=Path, help="another checkout, measured before this one")
    options = parser.parse_args()
    for concepts in options.concepts:
        measured = []
        for code in [options.against.resolve(), HERE] if options.against else [HERE]:
            print(f"\n{concepts} known concepts, {code.name}", flush=True)
            with running(code, concepts) as service:
                measured.append(measure(service, options.seconds, options.pictures))
        if options.against:
            print(f"\n{concepts} known concepts, this code / the other")
            for name in measured[0]:
                print(f"  {name:36} {measured[1][name] / measured[0][name]:6.2f}", flush=True)


def measure(service: Running, seconds: float, pictures: int) -> Figures:
    """Time answers and pictures, idle and busy, and look at the memory between."""
    figures = {"memory at the start": service.memory()}
    ask(1.0)
    figures |= _answers("idle", seconds) | _pictures(service, pictures)
    figures["memory after idle"] = service.memory()
    with streams(service.client) as ended:
        ask(WARMING_SECONDS)
        figures |= _answers("busy", seconds)
    print(f"  jobs meanwhile: {dict(ended)}")
    figures["memory after busy"] = service.memory()
    said = [f"{name.removeprefix('memory ')} {value:.0f}" for name, value in figures.items() if "memory" in name]
    print(f"  the front end's memory, MiB: {', '.join(said)}", flush=True)
    return figures


def _answers(when: str, seconds: float) -> Figures:
    figures: Figures = {}
    for path, took in ask(seconds).items():
        median, late, last = quantiles(took)
        print(
            f"  {when} GET {path:18} p50 {median:6.1f} ms  p95 {late:6.1f} ms  p99 {last:6.1f} ms"
            f"  most {max(took):6.1f} ms  ({len(took)})",
            flush=True,
        )
        figures |= {f"{when} GET {path} p50": median, f"{when} GET {path} p99": last}
    return figures


def _pictures(service: Running, pictures: int) -> Figures:
    parts = share(service.client, pictures)
    print("  idle picture, ms: " + ", ".join(f"{name} {value:.1f}" for name, value in parts.items()), flush=True)
    return {f"idle picture {name}": value for name, value in parts.items()}


if __name__ == "__main__":
    main()
