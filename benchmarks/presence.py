"""How strongly the demo model answers its own concepts, and words it does not know: ``python -m benchmarks.presence``.

0 is a word without meaning, 1 the usual strength of concepts of the kind. What is above CLEAR_STRENGTH with few x_t is
taken as drawn; of the rest, what is below LEAST_STRENGTH with many is refused.
"""

from sepme_core.erasure import ErasureCache, ErasureRequest
from sepme_core.erasure.effort import THOROUGH
from sepme_core.erasure.presence import CLEAR_STRENGTH, LEAST_STRENGTH, measure_strength
from sepme_core.erasure.sentences import concept_sentences, vocabulary
from sepme_core.models.model import load_base

UNKNOWN = ("blorp", "dog", "dinosaur", "van gogh", "purple", "picasso", "wuggo flim", "xkcd", "mountain")


def main() -> None:
    """Print every strength, by kind, weakest first, and the gap."""
    base = load_base("demo")
    cache = ErasureCache(base)
    for kind, names in (("object", base.suggestions.objects), ("style", base.suggestions.styles)):
        for count, limit in ((THOROUGH.few, CLEAR_STRENGTH), (THOROUGH.many, LEAST_STRENGTH)):
            strengths = {name: measure(cache, name, kind, count) for name in (*names, *UNKNOWN)}
            print(f"{kind}, {count} x_t:", ", ".join(f"{name} {s:.2f}" for name, s in sorted_by_value(strengths)))
            unknown, drawn = max(strengths[name] for name in UNKNOWN), min(strengths[name] for name in names)
            print(f"  unknown words at most {unknown:.2f}, drawn ones at least {drawn:.2f}, limit {limit}", flush=True)


def measure(cache: ErasureCache, name: str, kind: str, count: int) -> float:
    """The strength of a word as a concept of the kind."""
    request = ErasureRequest(name, kind, (name,))
    words = vocabulary(cache.base, request, ())
    return measure_strength(cache, request.prompts, concept_sentences(request, words), words, seed=0, count=count)


def sorted_by_value(strengths: dict[str, float]) -> list[tuple[str, float]]:
    """The weakest first."""
    return sorted(strengths.items(), key=lambda item: item[1])


if __name__ == "__main__":
    main()
