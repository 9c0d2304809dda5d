"""What is asked for: every request has another prompt and seed in every scenario; the scenario decides the mask."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from sepme_core.demo import MODEL_FOLDER
from sepme_core.demo.saying import TRAINING_BOTH, with_article

ERASED = tuple(f"c{number:03}" for number in range(100))
FEW = ERASED[:8]
SCENARIOS = {
    "none": "nothing masked",
    "hundred": "100 concepts masked",
    "same": "the same four concepts for all requests",
    "mixed": "another subset of eight concepts for each request",
}
STEPS, GUIDANCE, SIDE = 25, 4.0, 64
"""The service's defaults for the demo model, said aloud: other programs have others."""


@dataclass(frozen=True)
class Asked:
    """One request for one picture; `erased` are names of concepts."""

    prompt: str
    erased: tuple[str, ...]
    seed: int
    steps: int


def asked(scenario: str, number: int, steps: int = STEPS) -> Asked:
    """The request with this number; the same for every system."""
    prompts = _prompts()
    return Asked(prompts[number % len(prompts)], _mask(scenario, number), number, steps)


def _mask(scenario: str, number: int) -> tuple[str, ...]:
    if scenario == "mixed":  # all 255 subsets in turn, neighbours far apart
        bits = number * 97 % 255 + 1
        return tuple(name for place, name in enumerate(FEW) if bits >> place & 1)
    return {"none": (), "same": FEW[:4], "hundred": ERASED}[scenario]


@cache
def _prompts() -> Sequence[str]:
    """Sentences that the model was trained on, thousands."""
    drawn = json.loads((MODEL_FOLDER.parent / "concepts.json").read_text(encoding="utf-8"))
    return [
        pattern.format(object=name, an_object=with_article(name), style=look, a_style=with_article(look))
        for pattern in TRAINING_BOTH
        for look in drawn["looks"]
        for name in drawn["objects"]
    ]
