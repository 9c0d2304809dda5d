"""The method's bars on the demo model: ``python -m benchmarks.erase_one``.

Six concepts, each erased alone with all 32 others protected, from the closed-form start and from the paper's start
(w = 0) side by side. Held-out wordings, at least 40 pictures a cell, the same pictures for the base and for each
increment. Finished erasures are kept in ``build/erase-one`` and not done again; ``--fresh`` forgets them.
"""

import argparse
import json
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from sepme_core.base import Base, load_base
from sepme_core.demo import MODEL_FOLDER
from sepme_core.erasure import ErasureRequest, ErasureSettings, KnownConcept, erase, run_to_end
from sepme_core.evaluation.accuracy import Asked, by_concept, every_pair, look_at_all, percent, select
from sepme_core.evaluation.judge import Judge, load_judge
from sepme_core.generation import PictureRequest
from sepme_core.increment import Increment

CONCEPTS = {
    "sepia": "style",
    "neon": "style",
    "poster": "style",
    "cat": "object",
    "rocket": "object",
    "mushroom": "object",
}
STARTS = ("closed-form", "zero")
FOLDER = Path("build/erase-one")
TIMES = 5


@dataclass(frozen=True)
class Result:
    """One concept erased alone. Percentages; the drops are points below the base's accuracy, cell by cell."""

    start: str
    concept: str
    kind: str
    forgotten: float
    other_half: float
    mean_drop: float
    worst_drop: float
    worst: str
    bytes: int
    seconds: float
    steps: int
    correlation: float
    leak: float


def main() -> None:
    """Erase, draw, judge and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=12, help="denoising steps")
    parser.add_argument("--start", choices=[*STARTS, "both"], default="both")
    parser.add_argument("--fresh", action="store_true")
    options = parser.parse_args()
    if options.fresh:
        shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    base, judge = load_base("demo"), load_judge(MODEL_FOLDER / "judge")
    side = base.picture_side
    request = PictureRequest("", steps=options.steps, guidance_scale=4.0, width=side, height=side)
    starts = STARTS if options.start == "both" else (options.start,)
    plain = base_accuracy(base, judge, request)
    mean = sum(plain.values()) / len(plain)
    worst = min(plain, key=plain.__getitem__)
    print(f"base: mean right {mean:.1f} %, worst concept {plain[worst]:.1f} % ({worst})")
    print(HEADER)
    for start in starts:
        results = [erase_and_judge(base, judge, request, plain, start, name) for name in CONCEPTS]
        print_worst(start, results)


def pictures(base: Base) -> list[Asked]:
    """The pictures that are drawn: 45 or more for each object, 120 for each style."""
    return every_pair(base.suggestions.objects, base.suggestions.styles, TIMES)


def base_accuracy(base: Base, judge: Judge, request: PictureRequest) -> dict[str, float]:
    """The base's right answers by concept, measured once."""
    path = FOLDER / f"base-{request.steps}.json"
    if not path.exists():
        path.write_text(json.dumps(by_concept(look_at_all(base, judge, pictures(base), (), request))))
    cells: dict[str, float] = json.loads(path.read_text())
    return cells


def erase_alone(base: Base, start: str, name: str) -> tuple[Increment, float]:
    """The increment, all other concepts protected, and its seconds, certificate included."""
    kinds = dict.fromkeys(base.suggestions.objects, "object") | dict.fromkeys(base.suggestions.styles, "style")
    known = [KnownConcept(each, kind, (each,)) for each, kind in kinds.items() if each != name]
    settings = ErasureSettings.from_options({"start": start})
    began = time.perf_counter()
    made = run_to_end(erase(base, ErasureRequest(name, kinds[name], (name,), settings=settings), known))
    return made.increment, time.perf_counter() - began


def erase_and_judge(
    base: Base, judge: Judge, request: PictureRequest, plain: dict[str, float], start: str, name: str
) -> Result:
    """One row of the table, made or read."""
    path = FOLDER / f"{start}-{name}-{request.steps}.json"
    if not path.exists():
        increment, seconds = erase_alone(base, start, name)
        asked = pictures(base)
        seen = look_at_all(base, judge, asked, [increment], request)
        named = select(seen, lambda each: name in (each.object, each.style))
        others = by_concept(select(seen, lambda each: name not in (each.object, each.style)))
        drops = {each: plain[each] - right for each, right in others.items()}
        worst = max(drops, key=drops.__getitem__)
        objects, styles = percent(s.object_right for s in named), percent(s.style_right for s in named)
        is_style = CONCEPTS[name] == "style"
        result = Result(
            start, name, CONCEPTS[name], styles if is_style else objects, objects if is_style else styles,
            sum(drops.values()) / len(drops), drops[worst], worst, len(increment.to_bytes()), round(seconds, 1),
            increment.certificate["steps"], increment.certificate["correlation"], increment.certificate["leak"]["max"],
        )  # fmt: skip
        path.write_text(json.dumps(asdict(result)))
    result = Result(**json.loads(path.read_text()))
    print(row(result), flush=True)
    return result


HEADER = (
    f"{'start':12} {'concept':10} {'kind':7} {'forgotten':>9} {'other half':>10} {'mean drop':>9} {'worst drop':>21}"
    f" {'kB':>6} {'s':>6} {'steps':>5} {'corr.':>7} {'leak':>6}"
)


def row(result: Result) -> str:
    """The result as a line of the table."""
    worst = f"{result.worst_drop:.1f} {result.worst}"
    return (
        f"{result.start:12} {result.concept:10} {result.kind:7} {result.forgotten:9.1f} {result.other_half:10.1f}"
        f" {result.mean_drop:9.1f} {worst:>21} {result.bytes / 1000:6.0f} {result.seconds:6.1f} {result.steps:5d}"
        f" {result.correlation:7.3f} {result.leak:6.3f}"
    )


def print_worst(start: str, results: list[Result]) -> None:
    """The worst of each column, with its bar."""
    styles = [each for each in results if each.kind == "style"]
    print(
        f"{start}: worst forgotten {max(each.forgotten for each in results):.1f} % (bar 10),"
        f" mean drop {max(each.mean_drop for each in results):.1f} (bar 3),"
        f" single drop {max(each.worst_drop for each in results):.1f} (bar 15),"
        f" object of an erased style {min(each.other_half for each in styles):.1f} % (bar 85),"
        f" {max(each.bytes for each in results) / 1000:.0f} kB (bar 300),"
        f" {max(each.seconds for each in results):.1f} s (bar 30)",
        flush=True,
    )


if __name__ == "__main__":
    main()
