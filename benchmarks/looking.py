"""Whether the model's own means see what the judge sees: ``python -m benchmarks.looking``.

A concept is erased, and its increment applied in part, from not at all to wholly: between the two there are pictures in
which it is half there. Of each the base says which sentence explains it better (`sepme_core.erasure.looking`), and the
judge what it shows.
"""

from dataclasses import dataclass, replace

import torch

from sepme_core.demo import MODEL_FOLDER
from sepme_core.drawing.draw import decode, draw_latents
from sepme_core.erasure import ErasureCache, ErasureRequest, KnownConcept, erase, run_to_end
from sepme_core.erasure.correlation import Candidate
from sepme_core.erasure.evidence import draw_concept
from sepme_core.erasure.latents import picture_request
from sepme_core.erasure.looking import preferences
from sepme_core.erasure.sentences import concept_sentences, vocabulary
from sepme_core.erasure.substitute import substitute_of
from sepme_core.evaluation.classifier import Classifier, JudgeClassifier
from sepme_core.evaluation.judge import load_judge
from sepme_core.increments.increment import Increment
from sepme_core.models.model import load_base

CONCEPTS = {"cat": "object", "car": "object", "mushroom": "object", "key": "object", "sepia": "style", "neon": "style"}
SHARES = (0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
PICTURES = 8
SEED = 90_000  # not the noise that the increments were looked at with


@dataclass(frozen=True)
class Told:
    """Of each picture, whether the model and whether the judge sees the concept."""

    model: list[bool]
    judge: list[bool]

    @property
    def agreed(self) -> int:
        """In how many they say the same."""
        return sum(a == b for a, b in zip(self.model, self.judge, strict=True))


def main() -> None:
    """Erase, draw, and print who sees what."""
    base = load_base("demo")
    judge, cache = JudgeClassifier(load_judge(MODEL_FOLDER / "judge")), ErasureCache(base)
    kinds = dict.fromkeys(base.suggestions.objects, "object") | dict.fromkeys(base.suggestions.styles, "style")
    agreed = missed = of = 0
    for name, kind in CONCEPTS.items():
        request = ErasureRequest(name, kind, (name,))
        known = [KnownConcept(each, its_kind, (each,)) for each, its_kind in kinds.items() if each != name]
        increment = run_to_end(erase(base, request, known, cache=cache)).increment
        for share in SHARES:
            told = look(cache, judge, request, increment, share)
            agreed, of = agreed + told.agreed, of + len(told.model)
            missed += sum(j and not m for m, j in zip(told.model, told.judge, strict=True))
            print(f"{name:10} {share:.1f} of it: the model sees {sum(told.model)}, the judge {sum(told.judge)},"
                  f" agreed on {told.agreed} of {len(told.model)}", flush=True)  # fmt: skip
    print(f"agreed on {100 * agreed / of:.1f} % of {of}; seen by the judge alone: {missed}, by the model alone:"
          f" {of - agreed - missed}")  # fmt: skip


def look(cache: ErasureCache, judge: Classifier, request: ErasureRequest, increment: Increment, share: float) -> Told:
    """The concept's sentences drawn under a share of its increment, looked at by both."""
    settings = replace(request.settings, pictures=PICTURES, seed=SEED)
    asked = replace(request, settings=settings)
    sentences = concept_sentences(asked, vocabulary(cache.base, asked, ()))
    drawn = draw_concept(cache, asked, sentences)
    mask = [scaled(increment, share)] if share else []
    latents = draw_latents(cache.base, drawn.texts, picture_request(cache, SEED), mask)
    preferred = preferences(cache, drawn.sentences, [substitute_of(increment).phrase], latents, SEED)
    seen = judge.sees(decode(cache.base, latents), request.kind, request.prompts)
    assert seen is not None
    return Told((preferred > 0).tolist(), seen)


def scaled(increment: Increment, share: float) -> Candidate:
    """A share of an increment."""
    weights: dict[str, torch.Tensor] = {path: share * w.float() for path, w in increment.weights.items()}
    return Candidate(increment.directions, weights)


if __name__ == "__main__":
    main()
