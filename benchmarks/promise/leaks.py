"""What certificates say of other wordings (``leak.other``), held against wordings that they were not measured on."""

from collections.abc import Iterable
from typing import Any

from benchmarks.promise.bench import Bench
from benchmarks.promise.figures import ALL, Bars, Figure
from benchmarks.promise.sets import WORDINGS, companions
from sepme_core.demo.saying import say
from sepme_core.erasure.certificate import measure_leak
from sepme_core.increments.increment import Increment
from sepme_core.wordings import mentions

COMPANY = 3  # as many as certificates are measured with
EXCEEDED = Bars(mean=5)
QUANTILES = (0.0, 0.25, 0.5, 0.75, 0.95, 1.0)


def leak_on_other_wordings(bench: Bench) -> dict[str, Any]:
    """Each concept erased with all others known: the largest leak on the twelve wordings over the certificate's."""
    names = list(bench.kinds)[:: 12 if bench.quick else 1]
    made = {name: bench.erase(name) for name in names}
    ratios: dict[str, float] = {}
    by_concept: dict[str, dict[str, float]] = {}
    for name, outcome in made.items():
        if outcome.increment is None:
            continue
        by_concept[name] = leak_by_concept(bench, outcome.increment)
        said = float(outcome.increment.certificate["leak"]["other"]["max"])
        ratios[name] = max(by_concept[name].values()) / max(said, 1e-9)
    exceeded = 100 * sum(ratio > 1 for ratio in ratios.values()) / max(len(ratios), 1)
    return {
        "figures": [
            Figure.of("increments that leak more than leak.other.max", "%", {ALL: exceeded}, EXCEEDED).document(),
            Figure.of("largest leak over leak.other.max", "times", ratios).document(),
        ],
        "quantiles": {f"{share:.0%}": quantile(ratios.values(), share) for share in QUANTILES},
        "leak_by_concept": by_concept,
        "refused": {name: outcome.refused for name, outcome in made.items() if outcome.refused},
        "names": names,
    }


def leak_by_concept(bench: Bench, increment: Increment) -> dict[str, float]:
    """The largest leak on the twelve wordings of each known concept, those beside what is erased aside."""
    found = {}
    for name in bench.kinds:
        texts = [text for text in other_wordings(bench, name) if not mentions(text, [increment.concept])]
        if name != increment.concept and texts:
            found[name] = round(float(measure_leak(bench.cache, increment, texts).max()), 6)
    return found


def other_wordings(bench: Bench, name: str) -> list[str]:
    """The twelve wordings of a concept, each in changing company."""
    kind = bench.kinds[name]
    beside = companions(bench.base.suggestions, kind, {name})
    return [
        say(wording, *((name, other) if kind == "object" else (other, name)))
        for place, wording in enumerate(WORDINGS)
        for other in (beside[(11 * place + 4 * turn + 1) % len(beside)] for turn in range(COMPANY))
    ]


def quantile(values: Iterable[float], share: float) -> float:
    """The value below which a share of them lies."""
    ordered = sorted(values)
    return round(ordered[round(share * (len(ordered) - 1))], 3)
