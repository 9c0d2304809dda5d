"""How strongly the demo model answers its own concepts, and words it does not know: ``python -m benchmarks.presence``.

0 is a word without meaning, 1 the usual strength of concepts of the kind; below LEAST_STRENGTH an erasure is refused.
"""

from sepme_core.base import load_base
from sepme_core.erasure import ErasureRequest, Shared
from sepme_core.erasure.presence import LEAST_STRENGTH, measure_strength
from sepme_core.erasure.sentences import concept_sentences, vocabulary

UNKNOWN = ("blorp", "dog", "dinosaur", "van gogh", "purple", "picasso", "wuggo flim", "xkcd", "mountain")


def main() -> None:
    """Print every strength, by kind, weakest first, and the gap."""
    base = load_base("demo")
    shared = Shared(base)
    for kind, names in (("object", base.suggestions.objects), ("style", base.suggestions.styles)):
        strengths = {}
        for name in (*names, *UNKNOWN):
            request = ErasureRequest(name, kind, (name,))
            words = vocabulary(base, request, ())
            sentences = concept_sentences(request, words)
            strengths[name] = measure_strength(shared, request.prompts, sentences, words, seed=0)
        for name, strength in sorted(strengths.items(), key=lambda item: item[1]):
            print(f"{kind:7} {name:12} {strength:6.2f}")
        unknown, drawn = max(strengths[name] for name in UNKNOWN), min(strengths[name] for name in names)
        print(f"{kind}: unknown words at most {unknown:.2f}, drawn ones at least {drawn:.2f}, limit {LEAST_STRENGTH}")


if __name__ == "__main__":
    main()
